//! Why a stage stopped moving.

use event_store::StoreError;
use schemas::Position;

use crate::checkpoint::Overtaken;

/// What ends a run of a stage; the next run begins at the checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The log or the checkpoint could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process no longer owns the stage.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// A projection met an event it cannot apply. The text may stand in a public answer, so it names the place only.
    #[error("cannot apply the events after position {after}")]
    Apply {
        /// The last position that was applied.
        after: Position,
        /// Why; for the log.
        source: anyhow::Error,
    },
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
