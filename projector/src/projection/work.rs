//! What people did with a ticket.

use std::collections::BTreeMap;

use schemas::{
    Envelope,
    event::{AnalysisCorrected, ResolutionConfirmed, TicketAssigned},
    work::{Decided, Decision},
};
use sqlx::types::Json;

use crate::read_model::{Ticket, status};

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

pub(super) fn corrected(ticket: &mut Ticket, data: &AnalysisCorrected) {
    let corrections = ticket.corrections.get_or_insert_with(|| Json(BTreeMap::new()));
    corrections.insert(data.field, data.to.clone());
    show_corrections(ticket);
}

/// A person's word outlasts every analysis.
pub(super) fn show_corrections(ticket: &mut Ticket) {
    let Some(corrections) = ticket.corrections.clone() else { return };
    for (field, to) in corrections.0 {
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
        // No label is a level: the domain lets no such correction through.
        (Decision::Urgency, Decided::Label(_)) => {}
    }
}
