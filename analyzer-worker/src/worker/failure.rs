//! Why an event has no answer, and what shall become of it.

use std::time::Duration;

use event_store::{AppendError, StoreError, handle::HandleError, personal_keys::KeyError};
use schemas::event::DecodeError;
use subscription::Fate;
use ticket::Rejection;

use crate::{engine::AnalyzeError, models::ModelsError, ticket_text::UnreadableTicket};

/// Before trying again what a neighbour's outage stopped.
const PAUSE: Duration = Duration::from_secs(2);

/// Why an event has no answer. None of the messages quotes a ticket.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the personal data cannot be had")]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Ticket(#[from] UnreadableTicket),
    #[error(transparent)]
    Model(#[from] AnalyzeError),
    #[error("the promoted model cannot be had")]
    Models(#[from] ModelsError),
    #[error(transparent)]
    Impossible(#[from] Rejection),
    #[error("the answer cannot be appended")]
    Append(#[from] HandleError<Rejection>),
}

impl Failure {
    /// Whether the requester was erased meanwhile.
    pub(super) const fn is_erasure(&self) -> bool {
        matches!(
            self,
            Self::Keys(KeyError::Erased(_)) | Self::Ticket(UnreadableTicket::Keys(KeyError::Erased(_)))
        )
    }

    /// What a neighbour's return can heal is tried again; the rest needs an operator.
    pub(super) fn into_fate(self) -> Fate {
        if matches!(self, Self::Keys(KeyError::WrongMasterKey | KeyError::MasterKeyFile { .. })) {
            // No ticket opens: better that none is passed than that every one is parked.
            return Fate::Stop("the master key does not open the keys of personal data".to_owned());
        }
        let reason = self.reason();
        if self.may_pass() { Fate::RetryAfter(PAUSE, reason) } else { Fate::Park(reason) }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Keys(KeyError::Store(error))
            | Self::Append(HandleError::Load(error))
            | Self::Ticket(UnreadableTicket::Load(error) | UnreadableTicket::Keys(KeyError::Store(error)))
            | Self::Models(ModelsError::Store(error)) => !matches!(error, StoreError::Damaged { .. }),
            Self::Append(HandleError::Append(error)) => {
                matches!(error, AppendError::Unavailable(_) | AppendError::Conflict { .. })
            }
            Self::Models(ModelsError::Write { .. }) => true,
            Self::Model(error) => error.may_pass(),
            _ => false,
        }
    }

    /// The message with its causes, except of those that may quote stored values.
    fn reason(&self) -> String {
        match self {
            Self::Keys(source) => format!("{self}: {source}"),
            Self::Append(source) => format!("{self}: {source}"),
            Self::Models(source) => format!("{self}: {source}"),
            Self::Malformed(_) | Self::Model(_) | Self::Ticket(_) | Self::Impossible(_) => self.to_string(),
        }
    }
}
