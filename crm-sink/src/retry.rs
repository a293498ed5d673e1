//! When a ticket is sent again, and how long the lane rests after a failure that is not a ticket's. Both as data.

use std::time::Duration;

use crate::destination::{Forecast, Refusal, Refused};

/// After so many requests that carried a ticket and left no record, the next goes out after: 5 s, 5 min, 30 min, 2 h,
/// 5 h, 10 h, 10 h. Then it is parked, 27 h 35 min after the first (the ladder of the webhook service Svix).
const LADDER: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(10),
];
/// Part of a step by which it is longer or shorter.
const JITTER: f64 = 0.2;

/// How long a ticket waits after `attempts` requests; `None` when it is to be parked. `chance` is between 0 and 1.
#[must_use]
pub fn delay(attempts: i32, chance: f64) -> Option<Duration> {
    let step = usize::try_from(attempts.max(1) - 1).ok().and_then(|step| LADDER.get(step))?;
    Some(step.mul_f64(1.0 + JITTER * (2.0 * chance - 1.0)))
}

/// Longest rest that a system may ask for.
const LONGEST: Duration = Duration::from_hours(1);

/// How long the lane rests after the `failures`-th refusal in a row; nothing of it counts against a ticket.
#[must_use]
pub fn rest(refused: Refused, failures: u32) -> Duration {
    match refused.why {
        // A token may have ended early: the first time, another one is drawn and tried at once.
        Refusal::Token if failures == 1 => Duration::ZERO,
        Refusal::Minute => {
            refused.retry_after.unwrap_or(Duration::from_mins(1)).clamp(Duration::from_secs(1), LONGEST)
        }
        // Others use the account too, so midnight may not be the end of it, and somebody may buy more before.
        Refusal::Day => Duration::from_mins(30),
        Refusal::Token | Refusal::Config => Duration::from_mins(5),
        Refusal::Capacity | Refusal::Defect => Duration::from_mins(15),
        Refusal::Passing => transport_rest(0),
    }
}

/// How long the lane rests after a lost answer: a pause, or, when the breaker opened for the `opened`-th time in a row,
/// 30 s doubling to 15 min.
#[must_use]
pub fn transport_rest(opened: u32) -> Duration {
    match opened {
        0 => Duration::from_secs(5),
        _ => Duration::from_secs(30_u64.saturating_mul(2_u64.saturating_pow(opened - 1)).min(LONGEST_OUTAGE)),
    }
}

/// Seconds.
const LONGEST_OUTAGE: u64 = 15 * 60;

/// Part of the calls left that waiting for company reckons with; the rest is for look-ups, reconciliation and people.
const FOR_SENDING: f64 = 0.75;

/// How long after a request the next one leaves whose batch is not full, so that the calls left last until there are new
/// ones.
#[must_use]
pub fn linger(forecast: Option<Forecast>, shortest: Duration, longest: Duration) -> Duration {
    let Some(forecast) = forecast else { return shortest };
    let calls = (forecast.left.max(0) as f64) * FOR_SENDING;
    if calls < 1.0 {
        return longest.max(shortest);
    }
    forecast.reset_in.div_f64(calls).clamp(shortest, longest.max(shortest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_tried_eight_times_over_a_day_and_then_parked() {
        let delays: Vec<_> = (1..9).map_while(|attempts| delay(attempts, 0.5)).collect();
        assert_eq!(delays, LADDER);
        assert_eq!(
            delays.iter().sum::<Duration>(),
            Duration::from_mins(27 * 60 + 35) + Duration::from_secs(5)
        );
        assert_eq!(delay(8, 0.5), None);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(delay(1, 0.0), Some(Duration::from_secs(4)));
        assert_eq!(delay(1, 1.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_dead_token_is_replaced_at_once_and_once() {
        let refused = Refused::silently(Refusal::Token);
        assert_eq!(rest(refused, 1), Duration::ZERO);
        assert_eq!(rest(refused, 2), Duration::from_mins(5));
    }

    #[test]
    fn tickets_wait_longer_the_fewer_calls_are_left_for_the_longer_a_time() {
        let (second, longest) = (Duration::from_secs(1), Duration::from_mins(5));
        let waits = |left, hours| {
            let forecast = Forecast { limit: 1000, left, reset_in: Duration::from_hours(hours) };
            linger(Some(forecast), second, longest).as_secs_f64()
        };
        assert!((waits(1000, 24) - 115.2).abs() < 0.01, "a whole day ahead");
        assert!((waits(900, 1) - 5.33).abs() < 0.01, "an evening with plenty left");
        assert!((waits(100, 24) - 300.0).abs() < 0.01, "never longer than that");
        assert!((waits(0, 1) - 300.0).abs() < 0.01);
        assert_eq!(linger(None, second, longest), second, "nobody counts");
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept_within_reason() {
        let asked = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            rest(Refused { retry_after, ..Refused::silently(Refusal::Minute) }, 1)
        };
        assert_eq!(
            (asked(0), asked(17), asked(u64::MAX)),
            (Duration::from_secs(1), Duration::from_secs(17), LONGEST)
        );
    }
}
