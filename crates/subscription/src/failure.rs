//! Why a stage stopped moving.

use std::time::Duration;

use event_store::StoreError;
use schemas::Position;

use crate::{
    checkpoint::Overtaken,
    stage::{POLL, SWEEP},
};

/// What ends a run of a stage; the next run begins at the checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The log or the checkpoint could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process no longer owns the stage.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// The server took the leadership away: this process was silent for too long, or cannot reach it.
    #[error("another process may lead this stage now")]
    Deposed,
    /// A projection met an event it cannot apply. The text may stand in a public answer, so it names the place only.
    #[error("cannot apply the events after position {after}")]
    Apply {
        /// The last position that was applied.
        after: Position,
        /// Why; for the log.
        source: anyhow::Error,
    },
    /// A reaction will not go on, with this event or any other, until somebody has seen to it.
    #[error("stopped at position {at}: {reason}")]
    Stopped {
        /// The event it will not pass.
        at: Position,
        /// Why.
        reason: String,
    },
}

impl Failure {
    /// Whether the handler itself asked to halt.
    pub(crate) const fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// Before beginning again: what an operator has to mend is not mended within a second.
    pub(crate) const fn pause(&self) -> Duration {
        if self.is_stop() { SWEEP } else { POLL }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
