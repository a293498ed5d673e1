//! When a ticket is sent again, and how long the lane rests after a failure that is not a ticket's. Both as data.

use std::time::Duration;

use crate::zoho::{Refusal, Refused};

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

/// Longest rest that Zoho may ask for.
const LONGEST: Duration = Duration::from_hours(1);

/// How long the lane rests after the `failures`-th failure in a row; nothing of it counts against a ticket.
#[must_use]
pub fn rest(refused: Option<Refused>, failures: u32) -> Duration {
    let doubling = |first: u64, longest: u64| {
        let factor = 2_u64.saturating_pow(failures.saturating_sub(1));
        Duration::from_secs(first.saturating_mul(factor).min(longest))
    };
    let Some(refused) = refused else { return doubling(5, 300) };
    match refused.why {
        // A token may have ended early: the first time, another one is drawn and tried at once.
        Refusal::Token if failures == 1 => Duration::ZERO,
        Refusal::Passing => doubling(5, 300),
        Refusal::Minute => {
            refused.retry_after.unwrap_or(Duration::from_mins(1)).clamp(Duration::from_secs(1), LONGEST)
        }
        // Midnight is the account's, in a time zone only Zoho knows.
        Refusal::Day => Duration::from_mins(30),
        Refusal::Token | Refusal::Config => Duration::from_mins(5),
        Refusal::Capacity | Refusal::Defect => Duration::from_mins(15),
    }
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
        let refused = Some(Refused::silently(Refusal::Token));
        assert_eq!(rest(refused, 1), Duration::ZERO);
        assert_eq!(rest(refused, 2), Duration::from_mins(5));
    }

    #[test]
    fn what_may_pass_is_tried_less_and_less_often() {
        let rests: Vec<_> = (1..10).map(|failures| rest(None, failures).as_secs()).collect();
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(rest(None, u32::MAX), Duration::from_mins(5));
    }

    #[test]
    fn a_wait_that_zoho_asks_for_is_kept_within_reason() {
        let asked = |seconds| {
            rest(
                Some(Refused {
                    retry_after: Some(Duration::from_secs(seconds)),
                    ..Refused::silently(Refusal::Minute)
                }),
                1,
            )
        };
        assert_eq!(
            (asked(0), asked(17), asked(u64::MAX)),
            (Duration::from_secs(1), Duration::from_secs(17), LONGEST)
        );
    }
}
