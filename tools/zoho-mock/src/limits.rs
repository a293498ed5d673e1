//! The quotas of an account: calls per minute, at once, per day. A refused call uses up nothing.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::settings::Limits;

/// Moments within a sliding window. Sliding is the stricter reading of "per minute": a client that keeps to it
/// also keeps to calendar minutes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Window(VecDeque<DateTime<Utc>>);

impl Window {
    /// Forgets what is older than `span`; `Err` with the time until there is room again for one of `max`.
    pub(crate) fn room(&mut self, now: DateTime<Utc>, span: TimeDelta, max: u32) -> Result<(), TimeDelta> {
        while self.0.front().is_some_and(|oldest| *oldest + span <= now) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(oldest) if max > 0 && self.0.len() >= max as usize => Err(*oldest + span - now),
            _ => Ok(()),
        }
    }

    pub(crate) fn mark(&mut self, now: DateTime<Utc>) {
        self.0.push_back(now);
    }
}

/// Which limit a call broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitHit {
    Minute { wait: TimeDelta },
    Concurrency,
    Day,
}

/// What an account has used.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    minute: Window,
    day: Option<(NaiveDate, u32)>,
    in_flight: u32,
}

impl Usage {
    /// Counts a call in, or says which limit it breaks. Every `Ok` must be followed by one [`Usage::leave`].
    pub(crate) fn enter(&mut self, now: DateTime<Utc>, limits: &Limits) -> Result<(), LimitHit> {
        let today = now.with_timezone(&limits.utc_offset).date_naive();
        let used = self.day.filter(|(day, _)| *day == today).map_or(0, |(_, used)| used);
        if limits.per_day > 0 && used >= limits.per_day {
            return Err(LimitHit::Day);
        }
        if limits.concurrent > 0 && self.in_flight >= limits.concurrent {
            return Err(LimitHit::Concurrency);
        }
        let minute = TimeDelta::seconds(60);
        self.minute.room(now, minute, limits.per_minute).map_err(|wait| LimitHit::Minute { wait })?;
        self.minute.mark(now);
        self.day = Some((today, used + 1));
        self.in_flight += 1;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Forgets the quotas used; calls under way stay counted, because they will still leave.
    pub(crate) fn reset(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn limits() -> Limits {
        Limits { per_minute: 2, concurrent: 3, per_day: 4, ..Limits::default() }
    }

    #[test]
    fn the_third_call_within_sixty_seconds_waits_for_the_first_to_leave_the_window() {
        let mut usage = Usage::default();
        usage.enter(at(0), &limits()).unwrap();
        usage.enter(at(30), &limits()).unwrap();
        let wait = TimeDelta::seconds(1);
        assert_eq!(usage.enter(at(59), &limits()), Err(LimitHit::Minute { wait }));
        assert_eq!(usage.enter(at(60), &limits()), Ok(()));
    }

    #[test]
    fn a_call_that_left_makes_room_for_another() {
        let limits = Limits { per_minute: 0, ..limits() };
        let mut usage = Usage::default();
        for _ in 0..3 {
            usage.enter(at(0), &limits).unwrap();
        }
        assert_eq!(usage.enter(at(0), &limits), Err(LimitHit::Concurrency));
        usage.leave();
        assert_eq!(usage.enter(at(0), &limits), Ok(()));
    }

    #[test]
    fn the_day_starts_anew_at_midnight_of_the_account() {
        let limits = Limits { per_minute: 0, utc_offset: "+05:30".parse().unwrap(), ..limits() };
        let before: DateTime<Utc> = "2026-11-20T18:29:59Z".parse().unwrap();
        let mut usage = Usage::default();
        for _ in 0..4 {
            usage.enter(before, &limits).unwrap();
            usage.leave();
        }
        assert_eq!(usage.enter(before, &limits), Err(LimitHit::Day));
        assert_eq!(usage.enter(before + TimeDelta::seconds(1), &limits), Ok(()));
    }

    #[test]
    fn zero_switches_a_limit_off() {
        let none = Limits { per_minute: 0, concurrent: 0, per_day: 0, ..limits() };
        let mut usage = Usage::default();
        for _ in 0..1000 {
            assert_eq!(usage.enter(at(0), &none), Ok(()));
        }
    }
}
