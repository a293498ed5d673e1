//! What people do with a ticket.

use schemas::{
    TicketEvent,
    event::{
        ResolutionConfirmed, TicketAssigned, TicketClosed, TicketCommented, TicketReopened, TicketResolved,
    },
};

use super::Outcome;
use crate::{
    rejection::Rejection,
    state::{Status, Ticket},
};

/// Saying the same twice says it twice: only an idempotency key can tell a repeated request from a second comment.
pub(super) fn comment(ticket: &Ticket, comment: TicketCommented) -> Outcome {
    must_not_be_closed(ticket)?;
    Ok(Some(TicketEvent::Commented(comment)))
}

pub(super) fn assign(ticket: &Ticket, assignment: TicketAssigned) -> Outcome {
    if ticket.assignee.as_ref() == Some(&assignment.assignee) {
        return Ok(None);
    }
    must_not_be_closed(ticket)?;
    Ok(Some(TicketEvent::Assigned(assignment)))
}

/// The first resolution counts until somebody reopens the ticket.
pub(super) fn resolve(ticket: &Ticket, resolution: TicketResolved) -> Outcome {
    match ticket.status {
        Status::Open => Ok(Some(TicketEvent::Resolved(resolution))),
        Status::Resolved => Ok(None),
        Status::Closed => Err(Rejection::Closed),
    }
}

/// Reopening an open ticket is refused and not ignored: its reason would be lost.
pub(super) fn reopen(ticket: &Ticket, reopening: TicketReopened) -> Outcome {
    match ticket.status {
        Status::Open => Err(Rejection::AlreadyOpen),
        Status::Resolved | Status::Closed => Ok(Some(TicketEvent::Reopened(reopening))),
    }
}

pub(super) fn close(ticket: &Ticket) -> Option<TicketEvent> {
    (ticket.status != Status::Closed).then_some(TicketEvent::Closed(TicketClosed {}))
}

/// Once per resolution; the same confirmation again changes nothing.
pub(super) fn confirm(ticket: &Ticket, confirmation: ResolutionConfirmed) -> Outcome {
    let resolution = ticket.resolution.as_ref().ok_or(Rejection::NotResolved)?;
    match &resolution.confirmation {
        None => Ok(Some(TicketEvent::ResolutionConfirmed(confirmation))),
        Some(known) if *known == confirmation => Ok(None),
        Some(known) => Err(Rejection::AlreadyConfirmed(known.score)),
    }
}

fn must_not_be_closed(ticket: &Ticket) -> Result<(), Rejection> {
    if ticket.status == Status::Closed { Err(Rejection::Closed) } else { Ok(()) }
}
