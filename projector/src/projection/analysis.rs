//! The analyzer answered, or gave up.

use event_store::PersonalKeys;
use schemas::{Envelope, event::TicketAnalyzed};
use sqlx::types::Json;

use super::work::show_corrections;
use crate::{personal::open, read_model::Ticket};

/// The newest answer counts as a whole: nothing of an earlier one stays, but for what people corrected.
pub(super) async fn analyzed(
    keys: &PersonalKeys,
    ticket: &mut Ticket,
    event: &Envelope,
    data: &TicketAnalyzed,
) -> anyhow::Result<()> {
    ticket.summary = open(keys, event.id, "summary", &data.summary).await?;
    ticket.entities = open(keys, event.id, "entities", &data.entities).await?.map(Json);
    ticket.category = Some(data.category.label.clone());
    ticket.priority = Some(data.priority.label.name().to_owned());
    ticket.sentiment = Some(data.sentiment.label.name().to_owned());
    ticket.kind = Some(data.kind.label.clone());
    ticket.route = Some(data.route.label.clone());
    ticket.urgency = Some(data.urgency.into());
    ticket.needs_review = data.needs_review;
    ticket.degraded = data.degraded;
    ticket.analysis = Some(Json(data.clone().with_personal((), ())));
    ticket.analyzed_at.get_or_insert(event.time);
    show_corrections(ticket);
    Ok(())
}

/// Nobody has looked at the ticket yet: a person should.
pub(super) fn failed(ticket: &mut Ticket) {
    ticket.needs_review = true;
}
