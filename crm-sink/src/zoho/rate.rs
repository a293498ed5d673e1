//! Calls per minute. Creator allows 50 and locks the caller out beyond; a bucket of 5 that fills by 40 a minute lets at
//! most 45 through in any 60 seconds, which leaves some to a restart and to people.

use chrono::{DateTime, TimeDelta, Utc};

/// Calls that may follow each other at once.
const BURST: i32 = 5;
/// One more call each.
const REFILL: TimeDelta = TimeDelta::milliseconds(1500);

/// A token bucket on a clock of the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    calls: i32,
    /// Up to when the refill is counted.
    counted: Option<DateTime<Utc>>,
}

impl Default for Bucket {
    /// Starts with one call, not full: a process that keeps restarting must not get five calls each time.
    fn default() -> Self {
        Self { calls: 1, counted: None }
    }
}

impl Bucket {
    /// A bucket as [`Self::kept`] gave it.
    #[must_use]
    pub const fn resumed(calls: i32, counted: Option<DateTime<Utc>>) -> Self {
        Self { calls, counted }
    }

    /// What a restart must not forget.
    #[must_use]
    pub const fn kept(&self) -> (i32, Option<DateTime<Utc>>) {
        (self.calls, self.counted)
    }

    /// Takes one call.
    ///
    /// # Errors
    /// When there is none: the time of the next.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let counted = self.counted.get_or_insert(now);
        let refills = ((now - *counted).num_milliseconds() / REFILL.num_milliseconds()).max(0) as i32;
        *counted += REFILL * refills;
        self.calls = self.calls.saturating_add(refills).min(BURST);
        if self.calls == 0 {
            return Err(*counted + REFILL);
        }
        self.calls -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    #[test]
    fn a_greedy_caller_gets_at_most_45_calls_in_any_minute() {
        let (mut bucket, mut now, mut calls) = (Bucket::default(), start(), vec![]);
        for _ in 0..20_000 {
            match bucket.take(now) {
                Ok(()) => calls.push(now),
                Err(next) => now = next.max(now + TimeDelta::milliseconds(7)),
            }
        }
        for (first, at) in calls.iter().enumerate() {
            let within =
                calls[first..].iter().take_while(|call| **call - *at < TimeDelta::seconds(60)).count();
            assert!(within <= 45, "{within} calls from {at}");
        }
    }

    #[test]
    fn a_rested_bucket_lets_five_through_and_names_the_time_of_the_sixth() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(start()), Ok(()));
        let rested = start() + TimeDelta::seconds(60);
        assert!((0..5).all(|_| bucket.take(rested).is_ok()));
        assert_eq!(bucket.take(rested), Err(rested + REFILL));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(start()).is_ok());
        assert!(bucket.take(start() - TimeDelta::seconds(60)).is_err());
    }
}
