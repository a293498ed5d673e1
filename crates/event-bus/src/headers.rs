//! What a message says beside its event, so that nobody has to parse the body to know where it stands.

use async_nats::{HeaderMap, header};
use schemas::{Envelope, EventId, Position};
use uuid::Uuid;

use crate::publish::Tail;

/// Place in the total order.
pub const POSITION: &str = "Hub-Position";
/// The position of the message before it: whoever has not seen that one has a gap, and reads the log.
pub const PREVIOUS_POSITION: &str = "Hub-Previous-Position";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The id under which the server recognises a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageId {
    /// The event's.
    Events,
    /// One that no earlier publishing of the event had; it begins with the event's.
    Fresh,
}

/// The id of an event's message on a stream that ends at `last_sequence`.
#[must_use]
pub(crate) fn message_id(envelope: &Envelope, last_sequence: u64, ids: MessageId) -> String {
    match ids {
        MessageId::Events => envelope.id.to_string(),
        MessageId::Fresh => format!("{}.{last_sequence}", envelope.id),
    }
}

/// The headers of an event that goes out onto a stream that ends at `tail`, with the message `last_id` where that is
/// known.
#[must_use]
pub(crate) fn of(envelope: &Envelope, id: &str, tail: Tail, last_id: Option<&str>) -> HeaderMap {
    let mut headers = of_copy(envelope, id);
    headers.insert(header::NATS_EXPECTED_LAST_SEQUENCE, tail.sequence.to_string().as_str());
    if let Some(last_id) = last_id {
        headers.insert(header::NATS_EXPECTED_LAST_MESSAGE_ID, last_id);
    }
    headers.insert(PREVIOUS_POSITION, tail.position.to_string().as_str());
    headers
}

/// The headers of an event wherever it goes: everything but its place on our stream.
#[must_use]
pub(crate) fn of_copy(envelope: &Envelope, id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_MESSAGE_ID, id);
    headers.insert(POSITION, envelope.position.to_string().as_str());
    if let Some(traceparent) = &envelope.metadata.traceparent {
        headers.insert(TRACEPARENT, traceparent.as_str());
    }
    headers
}

/// The position a message carries; `None` for one that no relay published.
#[must_use]
pub fn position(headers: &HeaderMap) -> Option<Position> {
    headers.get(POSITION)?.as_str().parse().ok().map(Position)
}

/// The event a message says it carries; `None` for one that no relay published.
#[must_use]
pub fn event_id(headers: &HeaderMap) -> Option<EventId> {
    let id = headers.get(header::NATS_MESSAGE_ID)?;
    let id = id.as_str().split('.').next()?;
    Uuid::parse_str(id).ok().map(EventId::new)
}
