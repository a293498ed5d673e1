//! The lane's rest after failures that are not a ticket's.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{retry, zoho::Refused};

/// Why and until when the lane rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// A word of ours.
    pub why: &'static str,
    /// When it goes on.
    pub until: DateTime<Utc>,
    /// Waiting alone will not help.
    pub needs_a_person: bool,
}

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brake {
    failures: u32,
    rest: Option<Rest>,
}

impl Brake {
    /// The rest that is on at `now`.
    #[must_use]
    pub fn resting(&self, now: DateTime<Utc>) -> Option<Rest> {
        self.rest.filter(|rest| now < rest.until)
    }

    /// A call came through: the next failure is the first again.
    pub fn let_go(&mut self) {
        *self = Self::default();
    }

    /// A call did nothing. Returns the time before which there will be no other.
    pub fn refused(&mut self, refused: Refused, now: DateTime<Utc>) -> DateTime<Utc> {
        self.pull(Some(refused), refused.why.name(), refused.why.needs_a_person(), now)
    }

    /// The outcome of a call is unknown.
    pub fn unknown(&mut self, reason: &'static str, now: DateTime<Utc>) {
        self.pull(None, reason, false, now);
    }

    fn pull(
        &mut self,
        refused: Option<Refused>,
        why: &'static str,
        person: bool,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        self.failures = self.failures.saturating_add(1);
        let rest = retry::rest(refused, self.failures);
        let until = now + TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX);
        let code = refused.map_or(0, |refused| refused.code);
        tracing::warn!(why, code, failures = self.failures, rest_s = rest.as_secs(), "the CRM lane rests");
        self.rest = Some(Rest { why, until, needs_a_person: person });
        until
    }
}
