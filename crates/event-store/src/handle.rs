//! The one way to change an existing ticket: load, decide, append, and decide again when somebody else was faster.

use std::time::Duration;

use schemas::{Envelope, EventId, Position, TicketEvent, TicketId, Version, envelope::Metadata};

use crate::{
    EventStore,
    append::{Append, Expected, Idempotency, NewEvent},
    error::{AppendError, StoreError},
};

/// Conflicts in a row before a command gives up: each means that another process's command on the ticket got through.
const ATTEMPTS: u32 = 20;
/// Before deciding again, at most, after the first conflict; after the n-th n times as long. At random, so that two processes
/// do not meet again.
const PAUSE: Duration = Duration::from_millis(5);

/// What a command's event carries, and what the command insists on.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The event's id: the caller may have derived it, and sealed for it.
    pub id: EventId,
    /// Where the event comes from.
    pub metadata: Metadata,
    /// The version the ticket must be at, where the caller decided by what it saw.
    pub required: Option<Version>,
    /// Set where a client may ask twice.
    pub idempotency: Option<Idempotency>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled<S> {
    /// The ticket afterwards.
    pub state: S,
    /// Of its stream afterwards.
    pub version: Version,
    /// Of the last event of its stream afterwards.
    pub position: Position,
    /// Whether something happened.
    pub outcome: Outcome,
}

/// Whether a command changed the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its event is in the log.
    Appended,
    /// Its effect was there already.
    NothingToDo,
    /// An earlier request with the same idempotency key and body appended it; this is how it left the ticket.
    Replayed,
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
    /// The events could not be appended; a conflict where the ticket is not at the required version, and only there.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What a ticket is to who decides about it. One type has one fold: what it made of a ticket is kept for the next command.
pub trait State: Clone + Default + Send + Sync + 'static {}

impl<S: Clone + Default + Send + Sync + 'static> State for S {}

impl Stamp {
    /// For a command that insists on nothing.
    #[must_use]
    pub const fn new(id: EventId, metadata: Metadata) -> Self {
        Self { id, metadata, required: None, idempotency: None }
    }
}

impl EventStore {
    /// Folds the ticket's events with `evolve`, lets `decide` choose what follows, and appends it where nothing came
    /// between. A command leads to one event at most, and waits for those before it on the same ticket.
    ///
    /// # Errors
    /// As [`HandleError`]; after [`AppendError::Unavailable`], which too many conflicts with other processes lead to as well,
    /// the same command can be repeated.
    pub async fn handle<S: State, R: std::error::Error + 'static>(
        &self,
        ticket: TicketId,
        stamp: Stamp,
        evolve: impl Fn(S, EventId, &TicketEvent) -> S,
        decide: impl Fn(&S) -> Result<Option<TicketEvent>, R>,
    ) -> Result<Handled<S>, HandleError<R>> {
        self.handle_knowing(ticket, None, stamp, evolve, decide).await
    }

    /// The same for a caller who has just read the ticket's whole stream: it is read again only after a conflict.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_knowing<S: State, R: std::error::Error + 'static>(
        &self,
        ticket: TicketId,
        past: Option<Vec<Envelope>>,
        stamp: Stamp,
        evolve: impl Fn(S, EventId, &TicketEvent) -> S,
        decide: impl Fn(&S) -> Result<Option<TicketEvent>, R>,
    ) -> Result<Handled<S>, HandleError<R>> {
        let turn = self.turns.take(ticket).await;
        let past = past.filter(|_| !turn.waited);
        let handled = self.decide_and_append(ticket, past, &stamp, &evolve, decide).await;
        if let Ok(Handled { outcome: Outcome::Appended | Outcome::Replayed, .. }) = handled {
            return handled;
        }
        // The ticket may be past the command because the same request went through before: then that is the answer.
        let Some(idempotency) = &stamp.idempotency else { return handled };
        let earlier = match (self.earlier_answer(idempotency).await?, &handled) {
            (None, Ok(nothing)) => {
                self.remember_answer(idempotency, ticket, nothing.version, nothing.position).await?
            }
            (earlier, _) => earlier,
        };
        match earlier {
            Some(earlier) => {
                Ok(self.load(ticket, earlier.version, &evolve).await?.handled(Outcome::Replayed))
            }
            None => handled,
        }
    }

    async fn decide_and_append<S: State, R: std::error::Error + 'static>(
        &self,
        ticket: TicketId,
        mut past: Option<Vec<Envelope>>,
        stamp: &Stamp,
        evolve: impl Fn(S, EventId, &TicketEvent) -> S,
        decide: impl Fn(&S) -> Result<Option<TicketEvent>, R>,
    ) -> Result<Handled<S>, HandleError<R>> {
        let mut attempt = 1;
        loop {
            let loaded = match past.take() {
                Some(past) => Loaded::default().after(past, NEWEST, &evolve)?,
                None => self.load(ticket, NEWEST, &evolve).await?,
            };
            let expected = loaded.required_by(stamp)?;
            let Some(event) = decide(&loaded.state).map_err(HandleError::Rejected)? else {
                return Ok(loaded.handled(Outcome::NothingToDo));
            };
            let state = evolve(loaded.state, stamp.id, &event);
            match self.append(stamp.append(ticket, expected, event)).await {
                Ok(done) if done.replayed => {
                    return Ok(self.load(ticket, done.version, &evolve).await?.handled(Outcome::Replayed));
                }
                Ok(done) => {
                    let (version, position) = (done.version, done.position);
                    self.states.keep(ticket, Loaded { state: state.clone(), version, position });
                    return Ok(Handled { state, version, position, outcome: Outcome::Appended });
                }
                Err(AppendError::Duplicate { .. }) => {
                    return Ok(self.load(ticket, NEWEST, &evolve).await?.handled(Outcome::NothingToDo));
                }
                Err(AppendError::Conflict { .. }) if attempt < ATTEMPTS => {
                    self.states.forget(ticket);
                    tokio::time::sleep(PAUSE.mul_f64(f64::from(attempt) * rand::random::<f64>())).await;
                    attempt += 1;
                }
                // Nobody insisted on a version: there is nothing to tell about one.
                Err(AppendError::Conflict { .. }) if stamp.required.is_none() => {
                    return Err(AppendError::Unavailable(None).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The ticket as its events up to version `last` make it: what is kept of it, and what came since. Events of types this
    /// build does not know are passed over.
    async fn load<S: State>(
        &self,
        ticket: TicketId,
        last: Version,
        evolve: impl Fn(S, EventId, &TicketEvent) -> S,
    ) -> Result<Loaded<S>, StoreError> {
        let kept =
            self.states.get::<Loaded<S>>(ticket).filter(|kept| kept.version <= last).unwrap_or_default();
        let since = self.read_stream(ticket, Version(kept.version.0 + 1)).await?;
        let is_news = !since.is_empty() && last == NEWEST;
        let loaded = kept.after(since, last, evolve)?;
        if is_news {
            self.states.keep(ticket, loaded.clone());
        }
        Ok(loaded)
    }
}

/// Beyond every event there is.
const NEWEST: Version = Version(i32::MAX);

/// A ticket with the place of its last event.
#[derive(Clone, Debug, Default)]
struct Loaded<S> {
    state: S,
    version: Version,
    position: Position,
}

impl<S: State> Loaded<S> {
    /// After these events of it as well.
    fn after(
        self,
        events: Vec<Envelope>,
        last: Version,
        evolve: impl Fn(S, EventId, &TicketEvent) -> S,
    ) -> Result<Self, StoreError> {
        let mut loaded = self;
        for envelope in events.into_iter().take_while(|envelope| envelope.version <= last) {
            (loaded.version, loaded.position) = (envelope.version, envelope.position);
            match envelope.event() {
                Ok(event) => loaded.state = evolve(loaded.state, envelope.id, &event),
                Err(schemas::event::DecodeError::UnknownType(_)) => {}
                Err(schemas::event::DecodeError::Malformed { .. }) => {
                    return Err(StoreError::Damaged { position: envelope.position, what: "data" });
                }
            }
        }
        Ok(loaded)
    }
}

impl<S> Loaded<S> {
    /// The version that the append must find.
    fn required_by(&self, stamp: &Stamp) -> Result<Version, AppendError> {
        let actual = self.version;
        match stamp.required {
            Some(expected) if expected != actual => Err(AppendError::Conflict { expected, actual }),
            _ => Ok(actual),
        }
    }

    fn handled(self, outcome: Outcome) -> Handled<S> {
        Handled { state: self.state, version: self.version, position: self.position, outcome }
    }
}

impl Stamp {
    fn append(&self, ticket: TicketId, expected: Version, event: TicketEvent) -> Append {
        let events = vec![NewEvent { id: self.id, event, metadata: self.metadata.clone() }];
        let idempotency = self.idempotency.clone();
        Append { ticket, expected: Expected::Exactly(expected), events, idempotency }
    }
}
