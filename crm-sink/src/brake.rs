//! The lane's breakers: why and how long it rests after failures that are not a ticket's. None of it counts against a
//! ticket. A breaker that opened lets a single record through first, before whole batches follow.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    destination::{Refusal, Refused},
    retry,
};

/// Failures in a row that open the transport breaker.
const IN_A_ROW: u32 = 5;
/// Calls looked back on, and failures among them that open it too.
const WINDOW: u32 = 20;
const TOO_MANY: u32 = 10;
/// Batches refused as a whole, without a call that came through in between, after which it is not a record's fault:
/// halving 200 down to 1 takes 8.
const SPOILED: u32 = 12;

/// What interrupts the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Answers are lost, or nobody is there.
    Transport,
    /// Calls per minute.
    Minute,
    /// Calls per day.
    Quota,
    /// The access token is not accepted, nor was the one before.
    Auth,
    /// Names, permissions or scopes.
    Config,
    /// The account or the form is full.
    Capacity,
    /// Our requests are wrong.
    Defect,
}

impl Breaker {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Transport, Self::Minute, Self::Quota, Self::Auth, Self::Config, Self::Capacity, Self::Defect];

    /// For the database, metrics and the health answer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Minute => "minute",
            Self::Quota => "quota",
            Self::Auth => "auth",
            Self::Config => "config",
            Self::Capacity => "capacity",
            Self::Defect => "defect",
        }
    }

    /// The breaker of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breaker| breaker.name() == name)
    }

    /// Whether waiting alone will not help.
    #[must_use]
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::Auth | Self::Config | Self::Capacity | Self::Defect)
    }

    const fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token => Self::Auth,
            Refusal::Minute => Self::Minute,
            Refusal::Day => Self::Quota,
            Refusal::Capacity => Self::Capacity,
            Refusal::Config => Self::Config,
            Refusal::Defect => Self::Defect,
            Refusal::Passing => Self::Transport,
        }
    }
}

/// Why and until when the lane rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// What interrupts it.
    pub breaker: Breaker,
    /// When it goes on.
    pub until: DateTime<Utc>,
}

/// Counts failures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brake {
    /// In a row.
    failures: u32,
    /// How often in a row the transport breaker opened.
    opened: u32,
    /// The latest calls, the newest lowest; 1 is a failure.
    window: u32,
    calls: u32,
    /// Batches refused as a whole, in a row.
    spoiled: u32,
    /// The latest call came through.
    passes: bool,
    half_open: bool,
    rest: Option<Rest>,
}

impl Brake {
    /// Where an earlier process left off.
    #[must_use]
    pub fn resumed(rest: Option<Rest>, failures: u32) -> Self {
        let opened = if rest.is_some_and(|rest| rest.breaker == Breaker::Transport) { failures } else { 0 };
        Self { failures, opened, half_open: rest.is_some(), rest, ..Self::default() }
    }

    /// The rest that is on at `now`.
    #[must_use]
    pub fn resting(&self, now: DateTime<Utc>) -> Option<Rest> {
        self.rest.filter(|rest| now < rest.until)
    }

    /// The latest rest, and what to keep of the failures before it.
    #[must_use]
    pub fn kept(&self) -> (Option<Rest>, u32) {
        let transport = self.rest.is_some_and(|rest| rest.breaker == Breaker::Transport);
        (self.rest, if transport { self.opened } else { self.failures })
    }

    /// Whether the next request is a trial: one record, not a batch.
    #[must_use]
    pub const fn half_open(&self) -> bool {
        self.half_open
    }

    /// A call came through: the next failure is the first again.
    pub fn let_go(&mut self) {
        let calls = (self.calls + 1).min(WINDOW);
        *self = Self { window: self.window << 1, calls, passes: true, ..Self::default() };
    }

    /// A call did nothing. Returns the time before which there will be no other.
    pub fn refused(&mut self, refused: Refused, now: DateTime<Utc>) -> DateTime<Utc> {
        if refused.why == Refusal::Passing {
            return self.lost(now, refused.why.name());
        }
        (self.failures, self.passes) = (self.failures.saturating_add(1), false);
        let rest = retry::rest(refused, self.failures);
        self.half_open |= !rest.is_zero() && refused.why != Refusal::Minute;
        self.pull(Breaker::of(refused.why), rest, refused.code, now)
    }

    /// The outcome of a call is unknown.
    pub fn unknown(&mut self, reason: &'static str, now: DateTime<Utc>) {
        self.lost(now, reason);
    }

    /// A batch was refused as a whole. Whether the call before it came through: only then is it the fault of what was in
    /// the batch.
    pub fn spoiled(&mut self, now: DateTime<Utc>) -> bool {
        let others_pass = std::mem::take(&mut self.passes);
        self.spoiled += 1;
        if self.spoiled >= SPOILED {
            self.spoiled = 0;
            self.refused(Refused::silently(Refusal::Defect), now);
        }
        others_pass
    }

    fn lost(&mut self, now: DateTime<Utc>, why: &'static str) -> DateTime<Utc> {
        (self.failures, self.passes) = (self.failures.saturating_add(1), false);
        self.window = self.window << 1 | 1;
        self.calls = (self.calls + 1).min(WINDOW);
        let recent = (self.window & ((1 << WINDOW) - 1)).count_ones();
        if self.failures >= IN_A_ROW || (self.calls == WINDOW && recent > TOO_MANY) {
            self.opened = self.opened.saturating_add(1);
            self.half_open = true;
        }
        tracing::warn!(why, failures = self.failures, "an answer of the CRM is missing");
        self.pull(Breaker::Transport, retry::transport_rest(self.opened), 0, now)
    }

    fn pull(
        &mut self,
        breaker: Breaker,
        rest: std::time::Duration,
        code: u16,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let until = now + TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX);
        tracing::warn!(
            why = breaker.name(),
            code,
            failures = self.failures,
            rest_s = rest.as_secs(),
            "the CRM lane rests"
        );
        self.rest = Some(Rest { breaker, until });
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn rest_s(brake: &Brake) -> i64 {
        (brake.rest.unwrap().until - start()).num_seconds()
    }

    #[test]
    fn five_lost_answers_in_a_row_open_the_breaker_and_each_more_doubles_it() {
        let mut brake = Brake::default();
        let mut rests = vec![];
        for _ in 0..11 {
            brake.unknown("timeout", start());
            rests.push(rest_s(&brake));
        }
        assert_eq!(rests, [5, 5, 5, 5, 30, 60, 120, 240, 480, 900, 900]);
        assert!(brake.half_open());
        brake.let_go();
        assert!(!brake.half_open() && brake.resting(start()).is_none());
        brake.unknown("timeout", start());
        assert_eq!(rest_s(&brake), 5);
    }

    #[test]
    fn more_than_half_of_twenty_opens_it_too() {
        let mut brake = Brake::default();
        for n in 0..20 {
            if n % 2 == 0 { brake.unknown("timeout", start()) } else { brake.let_go() }
        }
        assert!(!brake.half_open(), "exactly half");
        brake.unknown("timeout", start());
        brake.unknown("timeout", start());
        assert!(brake.half_open());
    }

    #[test]
    fn what_needs_a_person_says_so() {
        for (refusal, breaker, person) in [
            (Refusal::Minute, Breaker::Minute, false),
            (Refusal::Day, Breaker::Quota, false),
            (Refusal::Capacity, Breaker::Capacity, true),
            (Refusal::Config, Breaker::Config, true),
            (Refusal::Defect, Breaker::Defect, true),
        ] {
            let mut brake = Brake::default();
            brake.refused(Refused::silently(refusal), start());
            let rest = brake.resting(start()).unwrap();
            assert_eq!((rest.breaker, rest.breaker.needs_a_person()), (breaker, person));
        }
    }

    #[test]
    fn a_breaker_outlives_the_process() {
        let mut brake = Brake::default();
        (0..6).for_each(|_| brake.unknown("timeout", start()));
        let (rest, failures) = brake.kept();
        let mut resumed = Brake::resumed(rest, failures);
        assert_eq!(resumed.resting(start()), brake.resting(start()));
        assert!(resumed.half_open());
        (0..5).for_each(|_| resumed.unknown("timeout", start()));
        assert!(rest_s(&resumed) > 60, "it goes on doubling");
    }

    #[test]
    fn a_batch_refused_while_others_pass_is_its_own_fault() {
        let mut brake = Brake::default();
        assert!(!brake.spoiled(start()), "nothing has come through yet");
        brake.let_go();
        assert!(brake.spoiled(start()));
        assert!(!brake.spoiled(start()), "nothing has come through since");
        brake.let_go();
        assert!(brake.spoiled(start()));
        (0..11).for_each(|_| _ = brake.spoiled(start()));
        assert_eq!(brake.resting(start()).unwrap().breaker, Breaker::Defect);
    }

    #[test]
    fn every_breaker_is_found_by_its_name() {
        for breaker in Breaker::ALL {
            assert_eq!(Breaker::named(breaker.name()), Some(breaker));
        }
    }
}
