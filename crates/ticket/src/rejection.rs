//! The rules by name: why a command was refused.
//!
//! The life of a ticket: *open* → *resolved* → *closed*, where an open ticket may be closed at once (spam, a duplicate),
//! and a resolved or closed one may be reopened. A closed ticket takes neither comments nor an assignee nor a resolution:
//! whoever has something to add reopens it first, so that nothing is said where nobody listens. What it does take is
//! hindsight: the requester's confirmation, and corrections of the analysis.

use schemas::work::{Decided, Decision};

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
    /// An answer outside of the closed sets of labels.
    #[error("the analysis is impossible: {0} has a label that is none of its own")]
    InventedLabel(&'static str),
    /// A ticket has one CRM record; another id for it is a duplicate somebody must look at.
    #[error("the ticket already has the CRM record {0}")]
    OtherCrmRecord(String),
    /// Only a record that exists can be brought up to date.
    #[error("the ticket has no CRM record")]
    NoCrmRecord,
    /// Comments, assignees and resolutions are for tickets that somebody still looks at.
    #[error("the ticket is closed: reopen it first")]
    Closed,
    /// Only what was resolved or closed can be reopened.
    #[error("the ticket is open already")]
    AlreadyOpen,
    /// There is no resolution the requester could agree to: never was one, or the ticket was reopened.
    #[error("the ticket is not resolved")]
    NotResolved,
    /// A resolution is confirmed once; to say something else, reopen the ticket.
    #[error("the resolution was already confirmed, with score {0}")]
    AlreadyConfirmed(u8),
    /// There is nothing to correct yet.
    #[error("the ticket is not analyzed yet")]
    NotAnalyzed,
    /// No part of an analysis; the names of those there are.
    #[error("field must be one of {0}")]
    UnknownField(String),
    /// No possible outcome of that decision, or nothing that can be read off a text.
    #[error("{0} must be {1}")]
    ImpossibleCorrection(&'static str, String),
    /// The analyzer said the same.
    #[error("the {0} is {what} already", what = in_words(.1))]
    NothingToCorrect(Decision, Decided),
    /// The analyzer read the same off the text. It is not quoted.
    #[error("the {0} in the analysis says the same already")]
    SameReading(&'static str),
}

impl Rejection {
    /// The rule's name, for programs.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::AlreadySubmitted => "already-submitted",
            Self::NotSubmitted => "not-submitted",
            Self::ImpossibleAnalysis(_) => "impossible-analysis",
            Self::InventedLabel(_) => "invented-label",
            Self::OtherCrmRecord(_) => "other-crm-record",
            Self::NoCrmRecord => "no-crm-record",
            Self::Closed => "closed",
            Self::AlreadyOpen => "already-open",
            Self::NotResolved => "not-resolved",
            Self::AlreadyConfirmed(_) => "already-confirmed",
            Self::NotAnalyzed => "not-analyzed",
            Self::UnknownField(_) => "unknown-field",
            Self::ImpossibleCorrection(..) => "impossible-correction",
            Self::NothingToCorrect(..) | Self::SameReading(_) => "nothing-to-correct",
        }
    }
}

fn in_words(decided: &Decided) -> String {
    match decided {
        Decided::Level(level) => level.to_string(),
        Decided::Label(label) => label.clone(),
    }
}
