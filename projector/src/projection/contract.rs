//! The projections: what each is called, which version of it this build makes, and which tables hold it.
//!
//! They share a stage, so that one event is read, opened and committed once for all of them and they always stand at the
//! same position; but each can be made anew on its own.

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
    version: 2,
    table: "tickets",
    reads: "every event of a type this build knows",
};

/// What happened to each ticket: audit trail and journey.
pub const TIMELINE: Contract =
    Contract { name: "timeline", version: 1, table: "timeline", reads: "every event, known or not" };

/// Counters.
pub const STATISTICS: Contract =
    Contract { name: "statistics", version: 1, table: "statistics", reads: "what changes a ticket" };

/// Who hands in tickets.
pub const REQUESTERS: Contract =
    Contract { name: "requesters", version: 1, table: "requesters", reads: "what changes a ticket" };

/// Which tickets are alike.
pub const SIMILAR: Contract =
    Contract { name: "similar", version: 1, table: "embeddings", reads: "hub.ticket.analyzed.v1" };

/// All of them.
pub const PROJECTIONS: [&Contract; 5] = [&TICKETS, &TIMELINE, &STATISTICS, &REQUESTERS, &SIMILAR];

/// The projections a name stands for: one, the journey's (which is the timeline), or all.
#[must_use]
pub fn named(name: &str) -> Option<Vec<&'static Contract>> {
    match name {
        "all" => Some(PROJECTIONS.to_vec()),
        "journey" => Some(vec![&TIMELINE]),
        _ => PROJECTIONS.into_iter().find(|projection| projection.name == name).map(|found| vec![found]),
    }
}
