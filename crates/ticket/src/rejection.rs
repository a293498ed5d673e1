//! The rules by name: why a command was refused.

/// The rule a command breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Its stream already starts with a submission.
    #[error("the ticket was already submitted")]
    AlreadySubmitted,
    /// Nothing may happen to a ticket before its submission.
    #[error("the ticket was never submitted")]
    NotSubmitted,
    /// An answer that means nothing: a probability outside 0 to 1, or an urgency outside 1 to 10.
    #[error("the analysis is impossible: {0} is out of range")]
    ImpossibleAnalysis(&'static str),
    /// A ticket has one CRM record; another id for it is a duplicate somebody must look at.
    #[error("the ticket already has the CRM record {0}")]
    OtherCrmRecord(String),
}
