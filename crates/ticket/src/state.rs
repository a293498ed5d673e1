//! What a ticket is: the fold of its events, holding only what decisions need.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{
    EventId, Position, TicketEvent,
    analysis::ModelRef,
    event::{ResolutionConfirmed, TicketAnalyzed},
    work::{Decided, Decision},
};

/// A ticket as far as the rules care.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// It was handed in.
    pub submitted: bool,
    /// Where it stands.
    pub status: Status,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// The resolution that holds: reopening takes it back, closing keeps it.
    pub resolution: Option<Resolution>,
    /// The latest analysis.
    pub analysis: Option<Analyzed>,
    /// Recordings that were written down, by their SHA-256.
    pub transcripts: BTreeSet<String>,
    /// Comments that the analyzer has read.
    pub read_comments: BTreeSet<EventId>,
    /// What people decided otherwise. A person's word outlasts a later analysis.
    pub corrections: BTreeMap<Decision, Decided>,
    /// Its one record in each system it is delivered to.
    pub crm_records: BTreeMap<String, CrmRecord>,
}

/// A record of the ticket in another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmRecord {
    /// That system's id.
    pub id: String,
    /// Updates so far brought it up to this event; the start where there was none.
    pub through: Position,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Somebody works on it, or should.
    #[default]
    Open,
    /// Solved in the eyes of whoever solved it.
    Resolved,
    /// Done with, solved or not.
    Closed,
}

/// A resolution, as far as later decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// What the requester said to it.
    pub confirmation: Option<ResolutionConfirmed>,
}

/// What later decisions need of an analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyzed {
    /// The event that recorded it.
    pub event: EventId,
    /// What answered.
    pub model: ModelRef,
    /// Rules answered for a model that could not run.
    pub degraded: bool,
    /// Recordings that it read in writing: those written down later call for another answer.
    pub transcripts: usize,
    /// What it said.
    pub decided: BTreeMap<Decision, Decided>,
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }
}

impl Analyzed {
    fn new(event: EventId, answer: &TicketAnalyzed, transcripts: usize) -> Self {
        Self {
            transcripts,
            event,
            model: answer.model.clone(),
            degraded: answer.degraded,
            decided: Decision::ALL.into_iter().map(|field| (field, answer.decided(field))).collect(),
        }
    }
}

/// The ticket after one more event, which has this id in the log.
#[must_use]
pub fn evolve(mut ticket: Ticket, id: EventId, event: &TicketEvent) -> Ticket {
    match event {
        TicketEvent::Submitted(_) => ticket.submitted = true,
        TicketEvent::Analyzed(answer) => {
            ticket.analysis = Some(Analyzed::new(id, answer, ticket.transcripts.len()));
        }
        TicketEvent::CrmRecordCreated(data) => {
            let record = CrmRecord { id: data.record_id.clone(), through: Position::START };
            ticket.crm_records.insert(data.system.clone(), record);
        }
        TicketEvent::CrmRecordUpdated(data) => {
            let record = CrmRecord { id: data.record_id.clone(), through: data.through };
            ticket.crm_records.insert(data.system.clone(), record);
        }
        TicketEvent::CrmRecordLost(data) => {
            ticket.crm_records.remove(&data.system);
        }
        TicketEvent::Assigned(data) => ticket.assignee = Some(data.assignee.clone()),
        TicketEvent::Resolved(_) => {
            ticket.status = Status::Resolved;
            ticket.resolution = Some(Resolution::default());
        }
        TicketEvent::Reopened(_) => {
            ticket.status = Status::Open;
            ticket.resolution = None;
        }
        TicketEvent::Closed(_) => ticket.status = Status::Closed,
        TicketEvent::ResolutionConfirmed(data) => {
            ticket.resolution = Some(Resolution { confirmation: Some(data.clone()) });
        }
        TicketEvent::AnalysisCorrected(data) => {
            if let Some((field, to)) = data.decision() {
                ticket.corrections.insert(field, to.clone());
            }
        }
        TicketEvent::Transcribed(data) => {
            ticket.transcripts.insert(data.sha256.clone());
        }
        TicketEvent::CommentAnalyzed(data) => {
            ticket.read_comments.insert(data.comment_id);
        }
        TicketEvent::AnalysisFailed(_)
        | TicketEvent::CrmDeliveryParked(_)
        | TicketEvent::CrmDeliveryAttempted(_)
        | TicketEvent::Commented(_)
        | TicketEvent::ModelPromoted(_) => {}
    }
    ticket
}
