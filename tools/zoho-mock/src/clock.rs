//! Where the time comes from: an argument, so that a test can own it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// The time as the mock sees it: token expiry, rate windows and the daily quota all follow it.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the mock reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until it is told to move. Share it with the mock through an `Arc`.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock by `step`.
    pub fn advance(&self, step: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += step;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another clock, but put forward, or faster.
pub(crate) struct SteeredClock {
    base: Arc<dyn Clock>,
    steering: Mutex<Steering>,
}

/// When the base clock showed `base`, this one showed `shown`; from then on it goes `speed` times as fast.
struct Steering {
    base: DateTime<Utc>,
    shown: DateTime<Utc>,
    speed: u32,
}

impl Steering {
    fn at(&self, base: DateTime<Utc>) -> DateTime<Utc> {
        let speed = i32::try_from(self.speed).unwrap_or(i32::MAX);
        self.shown + (base - self.base) * speed
    }
}

impl SteeredClock {
    pub(crate) fn new(base: Arc<dyn Clock>, speed: u32) -> Self {
        let now = base.now();
        Self { base, steering: Mutex::new(Steering { base: now, shown: now, speed }) }
    }

    pub(crate) fn speed(&self) -> u32 {
        self.steering().speed
    }

    /// Puts it forward by `step`.
    pub(crate) fn advance(&self, step: TimeDelta) {
        self.steering().shown += step;
    }

    /// From now on it goes `speed` times as fast as the base clock; 0 stops it.
    pub(crate) fn set_speed(&self, speed: u32) {
        let base = self.base.now();
        let mut steering = self.steering();
        *steering = Steering { base, shown: steering.at(base), speed };
    }

    fn steering(&self) -> MutexGuard<'_, Steering> {
        self.steering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SteeredClock {
    fn now(&self) -> DateTime<Utc> {
        let base = self.base.now();
        self.steering().at(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_can_be_put_forward_hastened_and_stopped() {
        let base = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
        let clock = SteeredClock::new(base.clone(), 1);
        let shows = |seconds| assert_eq!(clock.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        base.advance(TimeDelta::seconds(5));
        shows(5);
        clock.advance(TimeDelta::seconds(100));
        shows(105);
        clock.set_speed(100);
        shows(105);
        base.advance(TimeDelta::seconds(2));
        shows(305);
        clock.set_speed(0);
        base.advance(TimeDelta::seconds(50));
        shows(305);
    }
}
