//! What was called, what was answered, and every limit that a client broke.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::faults::Fault;

/// The kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Token for a refresh token or a grant code.
    Token,
    /// Add Records.
    Add,
    /// Get Records.
    Get,
    /// Get one record.
    GetOne,
    /// Update one record.
    Update,
    /// Update by criteria.
    UpdateMany,
    /// Delete one record.
    Delete,
    /// Delete by criteria.
    DeleteMany,
    /// Fields of the form.
    Fields,
    /// List of applications.
    Applications,
    /// The flat route of document 000.
    Legacy,
}

impl CallKind {
    /// The OAuth scope the call needs; `None` where no token is asked for.
    #[must_use]
    pub fn scope(self) -> Option<&'static str> {
        match self {
            Self::Add => Some("ZohoCreator.form.CREATE"),
            Self::Get | Self::GetOne => Some("ZohoCreator.report.READ"),
            Self::Update | Self::UpdateMany => Some("ZohoCreator.report.UPDATE"),
            Self::Delete | Self::DeleteMany => Some("ZohoCreator.report.DELETE"),
            Self::Fields => Some("ZohoCreator.meta.form.READ"),
            Self::Applications => Some("ZohoCreator.dashboard.READ"),
            Self::Token | Self::Legacy => None,
        }
    }

    /// Data calls read the `Accept` header; meta calls tolerate anything.
    pub(crate) fn is_data(self) -> bool {
        !matches!(self, Self::Token | Self::Fields | Self::Applications | Self::Legacy)
    }
}

/// Calls that broke a limit. A well-behaved client keeps all of them at 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Violations {
    /// More than 50 calls in a minute.
    pub minute: u64,
    /// More than 6 calls at once.
    pub concurrency: u64,
    /// Calls after the day's quota was used up.
    pub daily: u64,
    /// More than 10 access tokens in 10 minutes.
    pub refresh: u64,
}

impl Violations {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.minute + self.concurrency + self.daily + self.refresh
    }
}

/// Counters since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls by kind, refused ones included.
    pub calls: BTreeMap<CallKind, u64>,
    /// Creator answers by their outer code.
    pub answers: BTreeMap<u16, u64>,
    /// Records created.
    pub records_added: u64,
    /// Items of Add Records that were refused.
    pub records_refused: u64,
    /// Records changed.
    pub records_updated: u64,
    /// Records deleted.
    pub records_deleted: u64,
    /// Access tokens issued.
    pub tokens_issued: u64,
    /// Access tokens that ended early because a newer one took their place.
    pub tokens_evicted: u64,
    /// Most Creator calls seen at once.
    pub peak_in_flight: u32,
    /// Broken limits.
    pub violations: Violations,
    /// How often each fault hit: a test that needs one can see that it came.
    pub faults: BTreeMap<Fault, u64>,
}

impl Counters {
    /// Calls of one kind.
    #[must_use]
    pub fn calls_of(&self, kind: CallKind) -> u64 {
        self.calls.get(&kind).copied().unwrap_or(0)
    }

    pub(crate) fn count_call(&mut self, kind: CallKind) {
        *self.calls.entry(kind).or_default() += 1;
    }

    /// Hits of one fault.
    #[must_use]
    pub fn hits_of(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    pub(crate) fn count_fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub(crate) fn count_answer(&mut self, code: u16) {
        *self.answers.entry(code).or_default() += 1;
    }
}
