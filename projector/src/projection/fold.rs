//! What an event does to its ticket. Pure: the keys were fetched before, nothing is read or written, and an event that
//! was seen already does nothing. The projection, the rebuild and time travel all fold here.

use event_store::KeyRing;
use schemas::{Position, TicketEvent, embedding::Embedding};

use super::{analysis, delivery, fact::Fact, submission, work};
use crate::{
    read_model::{Ticket, status},
    statistics::{
        Changes,
        changes::{Tally, hour_of},
    },
};

/// A ticket on its way through the log.
pub(crate) struct Folded {
    pub(crate) ticket: Ticket,
    pub(crate) embedding: Place,
    /// What the counters hold of it.
    tally: Tally,
    /// The hour of the events that the counters do not know of yet.
    changed_in: Option<i64>,
}

/// Where the ticket's text lies among the others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// Where the read model has it, if it has it.
    AsBefore,
    /// Here; or nowhere, by an analysis that does not say, or of somebody who was erased.
    Now(Option<Embedding>),
}

impl Folded {
    /// A ticket of the read model, which its counters know.
    pub(crate) fn known(ticket: Ticket) -> Self {
        Self { tally: Tally::of(&ticket), ticket, embedding: Place::AsBefore, changed_in: None }
    }

    /// Tells the counters what became of the ticket since they heard of it last.
    pub(crate) fn count(&mut self, changes: &mut Changes) {
        let Some(hour) = self.changed_in.take() else { return };
        let now = Tally::of(&self.ticket);
        changes.record(&self.ticket, hour, &self.tally, &now);
        self.tally = now;
    }

    /// Its requester was erased. The hour is of no account: what personal data says is not kept as history.
    pub(crate) fn forget_the_person(&mut self) {
        let ticket = &mut self.ticket;
        (ticket.name, ticket.email, ticket.description) = (None, None, None);
        (ticket.summary, ticket.entities) = (None, None);
        self.embedding = Place::Now(None);
        self.changed_in = Some(hour_of(ticket.updated_at));
    }

    fn see(&mut self, ring: &KeyRing, fact: &Fact<'_>, changes: &mut Changes) {
        let event = fact.event;
        let hour = hour_of(event.time);
        if self.changed_in.is_some_and(|earlier| earlier != hour) {
            self.count(changes);
        }
        self.changed_in = Some(hour);
        let ticket = &mut self.ticket;
        match &fact.says {
            None
            | Some(
                TicketEvent::Submitted(_)
                | TicketEvent::Commented(_)
                | TicketEvent::CommentAnalyzed(_)
                | TicketEvent::Transcribed(_)
                | TicketEvent::ModelPromoted(_)
                | TicketEvent::CrmDeliveryAttempted(_)
                | TicketEvent::CrmRecordUpdated(_),
            ) => {}
            Some(TicketEvent::Analyzed(data)) => {
                analysis::analyzed(ring, ticket, event, data);
                self.embedding = Place::Now(analysis::embedding(ring, event, data));
            }
            Some(TicketEvent::AnalysisFailed(_)) => analysis::failed(ticket),
            Some(TicketEvent::CrmRecordCreated(data)) => delivery::record_created(ticket, event, data),
            Some(TicketEvent::CrmDeliveryParked(data)) => delivery::parked(ticket, data),
            Some(TicketEvent::CrmRecordLost(data)) => delivery::record_lost(ticket, data),
            Some(TicketEvent::Assigned(data)) => work::assigned(ticket, data),
            Some(TicketEvent::Resolved(_)) => work::resolved(ticket, event),
            Some(TicketEvent::Reopened(_)) => work::reopened(ticket),
            Some(TicketEvent::Closed(_)) => work::moved_to(ticket, status::CLOSED),
            Some(TicketEvent::ResolutionConfirmed(data)) => work::confirmed(ticket, data),
            Some(TicketEvent::AnalysisCorrected(data)) => work::corrected(ring, ticket, event, data),
        }
        ticket.position = event.position.0;
        ticket.version = event.version.0;
        ticket.updated_at = event.time;
    }
}

/// Folds one event over what is known of its ticket. A ticket handed in by an event this build does not know stays
/// unknown: it has a timeline only.
pub(crate) fn fold(known: &mut Option<Folded>, ring: &KeyRing, fact: &Fact<'_>, changes: &mut Changes) {
    if known.is_none()
        && let Some(TicketEvent::Submitted(data)) = &fact.says
    {
        let ticket = submission::submitted(ring, fact.event, data);
        *known =
            Some(Folded { ticket, embedding: Place::AsBefore, tally: Tally::default(), changed_in: None });
    }
    if let Some(folded) = known
        && folded.ticket.position < fact.event.position.0
    {
        folded.see(ring, fact, changes);
    }
}

/// Folds the facts of one ticket from its first on. What is after `counted` goes to the counters, which know of what is
/// before.
pub(crate) fn fold_stream(
    stream: &[Fact<'_>],
    ring: &KeyRing,
    counted: Position,
    changes: &mut Changes,
) -> Option<Folded> {
    let (before, after) = stream.split_at(stream.partition_point(|fact| fact.event.position <= counted));
    let mut ticket = None;
    for (facts, changes) in [(before, &mut Changes::default()), (after, changes)] {
        for fact in facts {
            fold(&mut ticket, ring, fact, changes);
        }
        if let Some(folded) = &mut ticket {
            folded.count(changes);
        }
    }
    ticket
}
