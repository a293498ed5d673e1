//! The analyzer answered, or gave up.

use event_store::KeyRing;
use schemas::{Envelope, embedding::Embedding, event::TicketAnalyzed};
use sqlx::types::Json;

use super::work::show_corrections;
use crate::{personal::open_with, read_model::Ticket};

/// The newest answer counts as a whole: nothing of an earlier one stays, but for what people corrected.
pub(super) fn analyzed(ring: &KeyRing, ticket: &mut Ticket, event: &Envelope, data: &TicketAnalyzed) {
    let (keeps_summary, keeps_entities) =
        ticket.corrections.as_ref().map_or((false, false), |it| (it.summary, it.entities));
    if !keeps_summary {
        ticket.summary = open_with(ring, event.id, "summary", &data.summary);
    }
    if !keeps_entities {
        ticket.entities = open_with(ring, event.id, "entities", &data.entities).map(Json);
    }
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
    ticket.language = Some(data.language.clone());
    show_corrections(ticket);
}

/// Where the text lies among the others, if the analysis says it and it may still be known.
pub(super) fn embedding(ring: &KeyRing, event: &Envelope, data: &TicketAnalyzed) -> Option<Embedding> {
    open_with(ring, event.id, "embedding", data.embedding.as_ref()?)
}

/// Nobody has looked at the ticket yet: a person should.
pub(super) fn failed(ticket: &mut Ticket) {
    ticket.needs_review = true;
}
