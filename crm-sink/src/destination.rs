//! The seam between delivering and the system delivered to. Lane, work list, retry ladder, breakers, parking and events
//! are the same for every system; a system is what turns facts into a request, makes it, and reads the answer
//! ([`crate::zoho`], [`crate::webhook`]).

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use schemas::TicketId;
use serde_json::value::RawValue;

use crate::dossier::Facts;

/// A system that tickets are delivered to.
pub trait Destination: fmt::Debug + Send + Sync + 'static {
    /// What one request needs; used up by it.
    type Permit: Send;

    /// Its name, in events, on the work list and in metrics.
    fn system(&self) -> &'static str;

    /// Tickets that fit into a request.
    fn batch_size(&self) -> usize;

    /// Whether it can be asked what it holds. Where it cannot, a request whose outcome is unknown is repeated: its
    /// receiver has to tell repetitions by their key.
    fn can_be_asked(&self) -> bool;

    /// What is sent of a ticket: in a batch, or, without one, to bring its record up to date.
    ///
    /// # Errors
    /// Why the ticket can never be sent, in words of ours.
    fn record(&self, facts: &Facts, batch: Option<&str>) -> Result<Box<RawValue>, String>;

    /// A permit for one request, asked for before anything is written down, so that a lack of one leaves no trace.
    ///
    /// # Errors
    /// As [`NoPermit`].
    fn permit(
        &self,
        purpose: Purpose,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Self::Permit, NoPermit>> + Send;

    /// Sends tickets for the first time. One request, never repeated behind the lane's back.
    fn create(&self, permit: Self::Permit, parcels: &[Parcel]) -> impl Future<Output = Created> + Send;

    /// Brings one record up to date.
    fn update(
        &self,
        permit: Self::Permit,
        record_id: &str,
        parcel: &Parcel,
    ) -> impl Future<Output = Updated> + Send;

    /// What it holds of a batch, or of these tickets.
    fn find(&self, permit: Self::Permit, sought: &Sought) -> impl Future<Output = Looked> + Send;

    /// A page of everything it holds.
    fn page(
        &self,
        permit: Self::Permit,
        since: Option<DateTime<Utc>>,
        cursor: Option<&str>,
    ) -> impl Future<Output = Paged> + Send;

    /// What is left of today's calls; `None` where nobody counts them.
    fn forecast(&self, now: DateTime<Utc>)
    -> impl Future<Output = Result<Option<Forecast>, NoPermit>> + Send;

    /// Whether an urgent ticket may leave before its batch is full, which costs a call more.
    fn may_flush_early(&self, now: DateTime<Utc>) -> impl Future<Output = Result<bool, NoPermit>> + Send;
}

/// A ticket ready to travel. No `Debug`: it is personal data.
#[derive(Clone)]
pub struct Parcel {
    /// Which ticket.
    pub ticket: TicketId,
    /// The same for every repetition of the same news.
    pub key: String,
    /// What is sent.
    pub record: Box<RawValue>,
}

/// What a call is for. Each may use up to its part of the day's calls, so that no one starves those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Later changes of a ticket.
    Update,
    /// New tickets.
    Send,
    /// What became of a request.
    LookUp,
    /// Comparing both sides.
    Reconcile,
    /// Whatever a person asks for.
    People,
}

impl Purpose {
    /// For the database and the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Send => "send",
            Self::LookUp => "look-up",
            Self::Reconcile => "reconcile",
            Self::People => "people",
        }
    }

    /// Hundredths of the day's calls: once so many are used, by whomever, this purpose gets no more.
    #[must_use]
    pub const fn line(self) -> i64 {
        match self {
            Self::Update => 50,
            Self::Send => 75,
            Self::LookUp => 90,
            Self::Reconcile => 95,
            Self::People => 100,
        }
    }
}

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
pub enum NoPermit {
    /// Waiting does not help: a person must act.
    #[error("{0}")]
    Stopped(String),
    /// Not before this time.
    #[error("not before {0}")]
    NotBefore(DateTime<Utc>),
    /// The counters cannot be read.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What is left of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Calls of the day.
    pub limit: i64,
    /// Of those, not used yet.
    pub left: i64,
    /// Until they are given anew.
    pub reset_in: Duration,
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The records of a batch.
    Batch(String),
    /// The records of tickets.
    Tickets(Vec<TicketId>),
}

/// What became of a request that sent tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// One verdict per ticket, in the order they were sent.
    Judged(Vec<Verdict>),
    /// Nothing was done, because of something in one of the records, or in all of them.
    Spoiled(String),
    /// Nothing was done, for a reason that is not the tickets'.
    Refused(Refused),
    /// Perhaps something was done. The reason is one of ours.
    Unknown(&'static str),
}

/// What became of one ticket of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its record exists. `warned`: a workflow failed after the insert, which changes nothing about that.
    Created {
        /// The system's id.
        record_id: String,
        /// An error came with it all the same.
        warned: bool,
    },
    /// A record of this ticket exists already; which one, only a look-up tells.
    Duplicate,
    /// No record was created because of what is in it. The reason is a code and names of fields.
    Refused(String),
    /// The same, but a record may exist all the same: only a look-up makes it certain.
    Doubtful(String),
    /// No record was created because there is no room.
    Full,
    /// Only a look-up tells.
    Unclear,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The record says it.
    Done,
    /// There is no such record.
    Gone,
    /// The record stays as it was because of what it should say.
    Rejected(String),
    /// Nothing was done, for a reason that is not the ticket's.
    Refused(Refused),
    /// Perhaps something was done.
    Unknown(&'static str),
}

/// What became of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All there is.
    Rows(Vec<Found>),
    /// It was not answered.
    Refused(Refused),
    /// The answer says nothing.
    Unknown(&'static str),
}

/// A record the system holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Of which ticket.
    pub ticket: TicketId,
    /// The system's id.
    pub record_id: String,
    /// The batch it landed with.
    pub batch: Option<String>,
}

/// What became of asking for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paged {
    /// Some records, and where to go on, if there are more.
    Page(Vec<Sighting>, Option<String>),
    /// It was not answered.
    Refused(Refused),
    /// The answer says nothing.
    Unknown(&'static str),
}

/// A record on a page; perhaps not one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The system's id.
    pub record_id: String,
    /// What stands where our ticket's id should.
    pub ticket: String,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The access token is not accepted.
    Token,
    /// Too many calls in a minute, or at once; refused before it ran.
    Minute,
    /// The day's quota is used up.
    Day,
    /// The account or the form is full.
    Capacity,
    /// Names, permissions or scopes are wrong: a person must act.
    Config,
    /// Our request is wrong: a person must act.
    Defect,
    /// Nobody is there, or the service is starting: it will pass.
    Passing,
}

impl Refusal {
    /// For logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Minute => "minute-limit",
            Self::Day => "daily-limit",
            Self::Capacity => "capacity",
            Self::Config => "configuration",
            Self::Defect => "defect",
            Self::Passing => "unreachable",
        }
    }
}

/// A call that did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// The system's code; 0 where there was none.
    pub code: u16,
    /// When to come back, where it says so.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// Refused without a word.
    #[must_use]
    pub const fn silently(why: Refusal) -> Self {
        Self { why, code: 0, retry_after: None }
    }
}
