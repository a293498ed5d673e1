//! What may be asked of a ticket.

use schemas::event::{AnalysisFailed, CrmDeliveryParked, CrmRecordCreated, TicketAnalyzed, TicketSubmitted};

/// A request to the domain. Personal data arrives already sealed: the domain decides without reading it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A requester hands in a ticket.
    Submit(TicketSubmitted),
    /// The analyzer answers.
    RecordAnalysis(Box<TicketAnalyzed>),
    /// The analyzer gives up.
    RecordAnalysisFailure(AnalysisFailed),
    /// The CRM holds the record.
    RecordCrmRecord(CrmRecordCreated),
    /// The CRM sink gives up until an operator decides.
    RecordCrmParked(CrmDeliveryParked),
}
