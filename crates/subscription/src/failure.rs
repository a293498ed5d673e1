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
    /// What comes to stand between here and the end of the log would never be seen.
    #[error(
        "the checkpoint is at position {at}, but the log ends at {head}: the log was restored without it, or an earlier \
         version believed the bus; `hubctl rewind {stage}` sets it back"
    )]
    BeyondTheLog {
        /// Whose checkpoint.
        stage: &'static str,
        /// Where it is.
        at: Position,
        /// The end of the log.
        head: Position,
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
    /// Whether it lasts until somebody has seen to it.
    pub(crate) const fn needs_an_operator(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::BeyondTheLog { .. })
    }

    /// Where it left the checkpoint, if it tells: going on from elsewhere may not fail.
    pub(crate) const fn place(&self) -> Option<Position> {
        match self {
            Self::Apply { after, .. } => Some(*after),
            Self::BeyondTheLog { at, .. } => Some(*at),
            Self::Store(_) | Self::Overtaken(_) | Self::Deposed | Self::Stopped { .. } => None,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
