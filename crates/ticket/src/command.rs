//! What may be asked of a ticket.

use schemas::{
    Sealed,
    event::{
        AnalysisFailed, CommentAnalyzed, CrmDeliveryAttempted, CrmDeliveryParked, CrmRecordCreated,
        CrmRecordLost, CrmRecordUpdated, ResolutionConfirmed, TicketAnalyzed, TicketAssigned,
        TicketCommented, TicketReopened, TicketResolved, TicketSubmitted, TicketTranscribed,
    },
    work::{Decided, Decision, Reading},
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
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// What is right.
    pub to: Corrected,
    /// Why.
    pub reason: Sealed<String>,
    /// Who says so.
    pub by: String,
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Corrected {
    /// A decision, and its outcome.
    Decision(Decision, Decided),
    /// What was read off the text.
    Reading {
        /// Sealed, so that it says nothing here.
        reading: Reading,
        /// Whose word holds, where it says the same. Only whoever opens both can tell.
        said_by: Option<Author>,
    },
}

/// Who said what holds of an analysis. A person's word outlasts the analyzer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// The analyzer.
    Analyzer,
    /// Whoever corrected it last.
    Person,
}
