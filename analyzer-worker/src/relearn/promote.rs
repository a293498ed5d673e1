//! The decision into the log.

use event_store::{Append, EventStore, Expected, NewEvent};
use schemas::{EventId, Position, TicketEvent, TicketId, envelope::Metadata, event::ModelPromoted};
use uuid::Uuid;

const ACTOR: &str = "operator";

/// Appends the promotion to the hub's own stream and says where it stands.
pub(super) async fn append(store: &EventStore, promoted: ModelPromoted) -> anyhow::Result<Position> {
    let id = EventId::new(Uuid::now_v7());
    let metadata =
        Metadata { correlationid: id, causationid: None, traceparent: None, actor: ACTOR.to_owned() };
    let event = TicketEvent::ModelPromoted(Box::new(promoted));
    let append = Append {
        ticket: TicketId::HUB,
        expected: Expected::Any,
        events: vec![NewEvent { id, event, metadata }],
        idempotency: None,
    };
    Ok(store.append(append).await?.position)
}
