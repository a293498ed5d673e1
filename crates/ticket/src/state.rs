//! What a ticket is: the fold of its events, holding only what decisions need.

use schemas::{TicketEvent, analysis::ModelRef};

/// A ticket as far as the rules care.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// It was handed in.
    pub submitted: bool,
    /// The latest analysis.
    pub analysis: Option<Analyzed>,
    /// The id of its one CRM record.
    pub crm_record: Option<String>,
}

/// What later decisions need of an analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyzed {
    /// What answered.
    pub model: ModelRef,
    /// Rules answered for a model that could not run.
    pub degraded: bool,
}

/// The ticket after one more event.
#[must_use]
pub fn evolve(ticket: Ticket, event: &TicketEvent) -> Ticket {
    match event {
        TicketEvent::Submitted(_) => Ticket { submitted: true, ..ticket },
        TicketEvent::Analyzed(answer) => {
            let analysis = Analyzed { model: answer.model.clone(), degraded: answer.degraded };
            Ticket { analysis: Some(analysis), ..ticket }
        }
        TicketEvent::CrmRecordCreated(record) => {
            Ticket { crm_record: Some(record.record_id.clone()), ..ticket }
        }
        TicketEvent::AnalysisFailed(_) | TicketEvent::CrmDeliveryParked(_) => ticket,
    }
}
