//! The one way to change an existing ticket: load, decide, append, and decide again when somebody else was faster.

use schemas::{EventId, TicketEvent, TicketId, Version, envelope::Metadata};

use crate::{
    EventStore,
    append::{Append, Appended, Expected, NewEvent},
    error::{AppendError, StoreError},
};

/// Conflicts in a row before a command gives up: each means that another command on the ticket got through.
const ATTEMPTS: u32 = 8;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Its events are in the log.
    Appended(Appended),
    /// Its effect was there already.
    NothingToDo,
}

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum HandleError<R: std::error::Error + 'static> {
    /// It breaks a rule of the domain.
    #[error(transparent)]
    Rejected(R),
    /// The ticket's past cannot be read.
    #[error(transparent)]
    Load(#[from] StoreError),
    /// The events could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl EventStore {
    /// Folds the ticket's events with `evolve`, lets `decide` choose what follows, and appends it where nothing came
    /// between. `stamp` gives the first event its id (so that a caller can derive it, and seal for it) and all of them
    /// their metadata; a command leads to one event at most.
    ///
    /// # Errors
    /// As [`HandleError`]; after [`AppendError::Unavailable`] the same command can be repeated.
    pub async fn handle<S: Default, R: std::error::Error + 'static>(
        &self,
        ticket: TicketId,
        stamp: (EventId, Metadata),
        evolve: impl Fn(S, &TicketEvent) -> S,
        decide: impl Fn(&S) -> Result<Option<TicketEvent>, R>,
    ) -> Result<Handled, HandleError<R>> {
        let mut attempt = 1;
        loop {
            let (state, version) = self.load(ticket, &evolve).await?;
            let Some(event) = decide(&state).map_err(HandleError::Rejected)? else {
                return Ok(Handled::NothingToDo);
            };
            let (id, metadata) = stamp.clone();
            let events = vec![NewEvent { id, event, metadata }];
            let append = Append { ticket, expected: Expected::Exactly(version), events, idempotency: None };
            match self.append(append).await {
                Ok(appended) => return Ok(Handled::Appended(appended)),
                Err(AppendError::Duplicate { .. }) => return Ok(Handled::NothingToDo),
                Err(AppendError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The ticket as its events make it, with the version that the next append must expect. Events of types this build
    /// does not know are passed over.
    async fn load<S: Default>(
        &self,
        ticket: TicketId,
        evolve: impl Fn(S, &TicketEvent) -> S,
    ) -> Result<(S, Version), StoreError> {
        let past = self.read_stream(ticket, Version::NONE).await?;
        let version = past.last().map_or(Version::NONE, |envelope| envelope.version);
        let mut state = S::default();
        for envelope in past {
            match envelope.event() {
                Ok(event) => state = evolve(state, &event),
                Err(schemas::event::DecodeError::UnknownType(_)) => {}
                Err(schemas::event::DecodeError::Malformed { .. }) => {
                    return Err(StoreError::Damaged { position: envelope.position, what: "data" });
                }
            }
        }
        Ok((state, version))
    }
}
