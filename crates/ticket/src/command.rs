//! What may be asked of a ticket.

use schemas::{
    Sealed,
    event::{
        AnalysisFailed, CommentAnalyzed, CrmDeliveryAttempted, CrmDeliveryParked, CrmRecordCreated,
        CrmRecordLost, CrmRecordUpdated, ResolutionConfirmed, TicketAnalyzed, TicketAssigned,
        TicketCommented, TicketReopened, TicketResolved, TicketSubmitted, TicketTranscribed,
    },
    work::{Decided, Decision},
};

/// A request to the domain. Personal data arrives already sealed: the domain decides without reading it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A requester hands in a ticket.
    Submit(TicketSubmitted),
    /// The analyzer answers.
    RecordAnalysis(Box<TicketAnalyzed>),
    /// The analyzer gives up.
    RecordAnalysisFailure(AnalysisFailed),
    /// A recording was written down.
    RecordTranscript(TicketTranscribed),
    /// The analyzer read a comment.
    RecordCommentAnalysis(CommentAnalyzed),
    /// The CRM holds the record.
    RecordCrmRecord(CrmRecordCreated),
    /// The CRM sink gives up until an operator decides.
    RecordCrmParked(CrmDeliveryParked),
    /// A request to the CRM left no record.
    RecordCrmAttempt(CrmDeliveryAttempted),
    /// The CRM's record was brought up to date.
    RecordCrmUpdate(CrmRecordUpdated),
    /// The CRM no longer holds the record.
    RecordCrmLoss(CrmRecordLost),
    /// Somebody says something.
    Comment(TicketCommented),
    /// Somebody is to take care of it.
    Assign(TicketAssigned),
    /// Somebody solved it.
    Resolve(TicketResolved),
    /// It has to be worked on again.
    Reopen(TicketReopened),
    /// Nobody has to work on it any more.
    Close,
    /// The requester agrees that it is solved.
    ConfirmResolution(ResolutionConfirmed),
    /// Somebody knows better than the analyzer.
    CorrectAnalysis(Correction),
}

/// What is wrong with an analysis; the ticket knows what it said, and which event said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Which decision.
    pub field: Decision,
    /// What is right.
    pub to: Decided,
    /// Why.
    pub reason: Sealed<String>,
    /// Who says so.
    pub by: String,
}
