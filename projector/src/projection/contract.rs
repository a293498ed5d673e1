//! The projections: what each is called, which version of it this build makes, and which tables hold it.
//!
//! All but one share a stage, so that one event is read, opened and committed once for all of them and they always stand
//! at the same position; but each can be made anew on its own.

use super::{STAGE, search};

/// One projection.
#[derive(Debug, PartialEq, Eq)]
pub struct Contract {
    /// As operators name it.
    pub name: &'static str,
    /// Raised whenever the same log makes other rows than before: then the rows are made anew.
    pub version: i32,
    /// Its table in the schema `projector`.
    pub table: &'static str,
    /// What it reads of the log, in words.
    pub reads: &'static str,
    /// The stage that keeps it up to date.
    pub stage: &'static str,
}

impl Contract {
    /// What names the rows it makes.
    #[must_use]
    pub const fn id(&self) -> (&'static str, i32) {
        (self.name, self.version)
    }
}

/// The tickets themselves.
pub const TICKETS: Contract = Contract {
    name: "tickets",
    version: 3,
    table: "tickets",
    reads: "every event of a type this build knows",
    stage: STAGE,
};

/// When they changed last.
pub const LAST_CHANGES: Contract = Contract {
    name: "last-changes",
    version: 1,
    table: "last_changes",
    reads: "every event of a type this build knows",
    stage: STAGE,
};

/// What happened to each ticket: audit trail and journey.
pub const TIMELINE: Contract = Contract {
    name: "timeline",
    version: 2,
    table: "timeline",
    reads: "every event, known or not",
    stage: STAGE,
};

/// Counters.
pub const STATISTICS: Contract = Contract {
    name: "statistics",
    version: 2,
    table: "statistics",
    reads: "what changes a ticket",
    stage: STAGE,
};

/// Who hands in tickets.
pub const REQUESTERS: Contract = Contract {
    name: "requesters",
    version: 1,
    table: "requesters",
    reads: "what changes a ticket",
    stage: STAGE,
};

/// Which tickets are alike.
pub const SIMILAR: Contract = Contract {
    name: "similar",
    version: 1,
    table: "embeddings",
    reads: "hub.ticket.analyzed.v1",
    stage: STAGE,
};

/// The words of tickets.
pub const SEARCH: Contract = Contract {
    name: "search",
    version: 1,
    table: "search",
    reads: "hub.ticket.submitted.v1, hub.ticket.analyzed.v1",
    stage: search::STAGE,
};

/// Those of the stage of tickets.
pub const PROJECTIONS: [&Contract; 6] =
    [&TICKETS, &LAST_CHANGES, &TIMELINE, &STATISTICS, &REQUESTERS, &SIMILAR];

/// Every projection of this build.
pub fn every() -> impl Iterator<Item = &'static Contract> {
    PROJECTIONS.into_iter().chain([&SEARCH])
}

/// The stage of projections, which are all of one.
pub(crate) fn stage_of(projections: &[&'static Contract]) -> &'static str {
    projections.first().map_or("", |projection| projection.stage)
}

/// Whether no projection of their stage is missing among `projections`, which are all of one stage.
#[must_use]
pub fn is_whole_stage(projections: &[&'static Contract]) -> bool {
    let is_of_it = |other: &&Contract| projections.iter().any(|one| one.stage == other.stage);
    every().filter(is_of_it).all(|other| projections.contains(&other))
}

/// The projections a name stands for, by stage: one, the journey's (which is the timeline), or all.
#[must_use]
pub fn named(name: &str) -> Option<Vec<Vec<&'static Contract>>> {
    match name {
        "all" => Some(vec![vec![&SEARCH], PROJECTIONS.to_vec()]),
        "journey" => Some(vec![vec![&TIMELINE]]),
        _ => every().find(|projection| projection.name == name).map(|found| vec![vec![found]]),
    }
}
