//! What people did with a ticket.

use event_store::KeyRing;
use schemas::{
    Envelope,
    event::{AnalysisCorrected, ResolutionConfirmed, TicketAssigned},
    work::{Change, Decided, Decision, Reading},
};
use sqlx::types::Json;

use crate::{
    personal::open_with,
    read_model::{Ticket, status},
};

pub(super) fn assigned(ticket: &mut Ticket, data: &TicketAssigned) {
    ticket.assignee = Some(data.assignee.clone());
}

/// `status` is one of [`status`].
pub(super) fn moved_to(ticket: &mut Ticket, status: &str) {
    status.clone_into(&mut ticket.status);
}

pub(super) fn resolved(ticket: &mut Ticket, event: &Envelope) {
    moved_to(ticket, status::RESOLVED);
    ticket.resolved_at = Some(event.time);
    ticket.resolutions += 1;
}

/// The resolution did not hold.
pub(super) fn reopened(ticket: &mut Ticket) {
    moved_to(ticket, status::OPEN);
    ticket.resolved_at = None;
    ticket.reopenings += 1;
}

pub(super) fn confirmed(ticket: &mut Ticket, data: &ResolutionConfirmed) {
    ticket.satisfaction = Some(data.score.into());
}

pub(super) fn corrected(ring: &KeyRing, ticket: &mut Ticket, event: &Envelope, data: &AnalysisCorrected) {
    let corrections = ticket.corrections.get_or_insert_default();
    match &data.change {
        Change::Decision { field, to, .. } => {
            corrections.decided.insert(*field, to.clone());
            show(ticket, *field, to.clone());
        }
        Change::Reading(Reading::Summary(sealed)) => {
            corrections.summary = true;
            ticket.summary = open_with(ring, event.id, Reading::MEMBER, sealed);
        }
        Change::Reading(Reading::Entities(sealed)) => {
            corrections.entities = true;
            ticket.entities = open_with(ring, event.id, Reading::MEMBER, sealed).map(Json);
        }
    }
}

/// A person's word outlasts every analysis.
pub(super) fn show_corrections(ticket: &mut Ticket) {
    let Some(corrections) = ticket.corrections.clone() else { return };
    for (field, to) in corrections.0.decided {
        show(ticket, field, to);
    }
}

fn show(ticket: &mut Ticket, field: Decision, to: Decided) {
    match (field, to) {
        (_, Decided::Level(level)) => ticket.urgency = Some(level.into()),
        (Decision::Category, Decided::Label(label)) => ticket.category = Some(label),
        (Decision::Priority, Decided::Label(label)) => ticket.priority = Some(label),
        (Decision::Kind, Decided::Label(label)) => ticket.kind = Some(label),
        (Decision::Sentiment, Decided::Label(label)) => ticket.sentiment = Some(label),
        (Decision::Route, Decided::Label(label)) => ticket.route = Some(label),
        (Decision::Language, Decided::Label(label)) => ticket.language = Some(label),
        // An emotion has no column: `Ticket::emotion` looks among the corrections. No label is a level: the domain lets no
        // such correction through.
        (Decision::Emotion | Decision::Urgency, Decided::Label(_)) => {}
    }
}
