//! From what a person asks of a ticket to its event in the log. What the person writes is sealed on the way, under the
//! key of the ticket's requester.

use std::sync::Arc;

use event_store::{
    EventStore, HandleError, Handled, Idempotency, PersonalKeys, Stamp, StoreError, personal_keys::KeyError,
};
use quick_cache::sync::Cache;
use schemas::{
    Envelope, EventId, Position, RequesterId, Sealed, TicketEvent, TicketId, Version,
    envelope::Metadata,
    event::{ResolutionConfirmed, TicketAssigned, TicketCommented, TicketReopened, TicketResolved},
    work::Reading,
};
use serde::Serialize;
use ticket::{
    Amendment, Command, Order, Rejection, Ticket,
    command::{Corrected, Correction},
    decide, evolve,
    order::Text,
};
use uuid::Uuid;

use crate::readings::Readings;

/// Who acts as long as there is no access control.
const ACTOR: &str = "anonymous";

/// An order with what came around it.
#[derive(Debug)]
pub struct Request {
    /// What is asked for.
    pub order: Order,
    /// The version the ticket must be at.
    pub required: Option<Version>,
    /// Set where the client may ask twice.
    pub idempotency: Option<Idempotency>,
    /// W3C trace context of the request.
    pub traceparent: String,
}

/// A ticket there is.
#[derive(Debug)]
pub struct Known {
    /// Its id.
    pub id: TicketId,
    beginning: Beginning,
    /// Everything that happened to it until it was found, where that had to be read.
    past: Option<Vec<Envelope>>,
}

/// What a ticket's first event says, which never changes.
#[derive(Clone, Debug)]
struct Beginning {
    story: EventId,
    requester: RequesterId,
}

/// Beginnings kept at most.
const KEPT: usize = 10_000;

/// How tickets began that this process had to do with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Beginnings(Arc<Cache<TicketId, Beginning>>);

impl Default for Beginnings {
    fn default() -> Self {
        Self(Arc::new(Cache::new(KEPT)))
    }
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The name is nobody's.
    #[error("there is no such ticket")]
    NoSuchTicket,
    /// The ticket's first event cannot be read.
    #[error(transparent)]
    Find(#[from] StoreError),
    /// The requester's key could not be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A rule is broken, the ticket is at another version, or the log did not take it.
    #[error(transparent)]
    Handle(#[from] HandleError<Rejection>),
}

impl OrderError {
    /// Whether the same order can go through later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Find(StoreError::Unavailable(_))
                | Self::Keys(KeyError::Store(StoreError::Unavailable(_)))
                | Self::Handle(
                    HandleError::Load(StoreError::Unavailable(_))
                        | HandleError::Append(event_store::AppendError::Unavailable(_))
                )
        )
    }
}

/// The ticket of this name: its id, or its number, which is the position of its first event.
///
/// # Errors
/// [`OrderError::NoSuchTicket`], or [`OrderError::Find`].
pub async fn find(store: &EventStore, known: &Beginnings, name: &str) -> Result<Known, OrderError> {
    let id = match (name.parse(), name.parse()) {
        (Ok(id), _) => Some(id),
        (_, Ok(number)) => {
            store.read_positions(&[Position(number)]).await?.pop().filter(is_first).map(|e| e.subject)
        }
        _ => None,
    };
    let id = id.ok_or(OrderError::NoSuchTicket)?;
    if let Some(beginning) = known.0.get(&id) {
        return Ok(Known { id, beginning, past: None });
    }
    let found = Known::by(store.read_stream(id, Version::NONE).await?)?;
    known.0.insert(id, found.beginning.clone());
    Ok(found)
}

/// A ticket's number is the position of its first event; the positions of others are nobody's.
fn is_first(event: &Envelope) -> bool {
    event.version == Version(1)
}

impl Known {
    fn by(past: Vec<Envelope>) -> Result<Self, OrderError> {
        let first = past.first().ok_or(OrderError::NoSuchTicket)?;
        match first.event() {
            Ok(TicketEvent::Submitted(submitted)) => {
                let beginning = Beginning { story: first.id, requester: submitted.requester.id };
                Ok(Self { id: first.subject, beginning, past: Some(past) })
            }
            // A submission this build cannot read.
            Ok(_) | Err(schemas::event::DecodeError::UnknownType(_)) => Err(OrderError::NoSuchTicket),
            Err(schemas::event::DecodeError::Malformed { .. }) => {
                Err(StoreError::Damaged { position: first.position, what: "data" }.into())
            }
        }
    }
}

/// Seals, decides and appends; when it returns, the event is durable.
///
/// # Errors
/// As [`OrderError`].
pub async fn carry_out(
    store: &EventStore,
    keys: &PersonalKeys,
    ticket: Known,
    request: Request,
) -> Result<Handled<Ticket>, OrderError> {
    let id = EventId::new(Uuid::now_v7());
    let sealing = Sealing { store, keys, requester: &ticket.beginning.requester, ticket: ticket.id, id };
    let command = sealing.command(request.order).await?;
    let metadata = Metadata {
        correlationid: ticket.beginning.story,
        causationid: None,
        traceparent: Some(request.traceparent),
        actor: ACTOR.to_owned(),
    };
    let stamp = Stamp { id, metadata, required: request.required, idempotency: request.idempotency };
    let decide = |state: &Ticket| decide(state, command.clone());
    Ok(store.handle_knowing(ticket.id, ticket.past, stamp, evolve, decide).await?)
}

/// For whom, and into which event.
struct Sealing<'a> {
    store: &'a EventStore,
    keys: &'a PersonalKeys,
    requester: &'a RequesterId,
    ticket: TicketId,
    id: EventId,
}

impl Sealing<'_> {
    async fn command(&self, order: Order) -> Result<Command, OrderError> {
        Ok(match order {
            Order::Comment(text) => {
                Command::Comment(TicketCommented { text: self.seal("text", text).await? })
            }
            Order::Assign(assignee) => Command::Assign(TicketAssigned { assignee: assignee.into_inner() }),
            Order::Resolve(text) => {
                Command::Resolve(TicketResolved { resolution: self.seal("resolution", text).await? })
            }
            Order::Reopen(text) => {
                Command::Reopen(TicketReopened { reason: self.seal("reason", text).await? })
            }
            Order::Close => Command::Close,
            Order::Confirm { score, signature } => {
                Command::ConfirmResolution(ResolutionConfirmed { score: score.value(), signature })
            }
            Order::Correct { to, reason } => {
                let (to, reason) = (self.corrected(to).await?, self.seal("reason", reason).await?);
                Command::CorrectAnalysis(Correction { to, reason, by: ACTOR.to_owned() })
            }
        })
    }

    async fn corrected(&self, amendment: Amendment) -> Result<Corrected, OrderError> {
        let (reading, said_by) = match amendment {
            Amendment::Decision(field, to) => return Ok(Corrected::Decision(field, to)),
            Amendment::Summary(summary) => {
                let summary = summary.into_inner();
                let said_by = self.readings().await?.author_of_summary(self.keys, &summary).await?;
                (Reading::Summary(self.seal_value(&summary).await?), said_by)
            }
            Amendment::Entities(entities) => {
                let entities = entities.into_inner();
                let said_by = self.readings().await?.author_of_entities(self.keys, &entities).await?;
                (Reading::Entities(self.seal_value(&entities).await?), said_by)
            }
        };
        Ok(Corrected::Reading { reading, said_by })
    }

    /// What was read off the ticket's text until now.
    async fn readings(&self) -> Result<Readings, StoreError> {
        Ok(Readings::of(&self.store.read_stream(self.ticket, Version::NONE).await?))
    }

    async fn seal(&self, field: &str, text: Text) -> Result<Sealed<String>, KeyError> {
        self.keys.seal_for_known(self.requester, self.id, field, &text.into_inner()).await
    }

    async fn seal_value<T: Serialize>(&self, value: &T) -> Result<Sealed<T>, KeyError> {
        self.keys.seal_for_known(self.requester, self.id, Reading::MEMBER, value).await
    }
}
