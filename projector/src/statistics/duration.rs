//! Waiting times in logarithmic buckets: each bucket ends [`GROWTH`] times later than the one before, so a percentile
//! read off them is at most 5 % away from the true one, and the buckets of any hours or days can be added up.

use chrono::{DateTime, Utc};

/// From the end of one bucket to the end of the next.
pub const GROWTH: f64 = 1.1;

/// The bucket of the time from `from` to `to`: 0 up to one millisecond.
#[must_use]
pub fn bucket(from: DateTime<Utc>, to: DateTime<Utc>) -> i32 {
    let ms = (to - from).as_seconds_f64() * 1e3;
    if ms <= 1.0 { 0 } else { (ms.ln() / GROWTH.ln()).ceil() as i32 }
}

/// The middle of a bucket in milliseconds, which is at most 5 % away from everything in it.
#[must_use]
pub fn milliseconds(bucket: i32) -> f64 {
    GROWTH.powf(f64::from(bucket) - 0.5)
}

/// The waiting time that `share` (0 to 1) of the tickets did not exceed, in milliseconds. `buckets` are bucket and
/// number of tickets, in any order; none where they hold no ticket.
#[must_use]
pub fn percentile(buckets: &[(i32, i64)], share: f64) -> Option<f64> {
    let mut buckets: Vec<_> = buckets.iter().copied().filter(|(_, tickets)| *tickets > 0).collect();
    buckets.sort_unstable();
    let total: i64 = buckets.iter().map(|(_, tickets)| tickets).sum();
    let rank = (share * total as f64).ceil().max(1.0) as i64;
    let mut passed = 0;
    buckets.into_iter().find_map(|(bucket, tickets)| {
        passed += tickets;
        (passed >= rank).then(|| milliseconds(bucket))
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn buckets_of(waits: impl IntoIterator<Item = i64>) -> Vec<(i32, i64)> {
        let start = DateTime::UNIX_EPOCH;
        waits.into_iter().map(|ms| (bucket(start, start + TimeDelta::milliseconds(ms)), 1)).collect()
    }

    #[test]
    fn a_percentile_is_at_most_five_percent_off() {
        let buckets = buckets_of(1..=100_000);
        for (share, truth) in [(0.01, 1_000.0), (0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0)] {
            let found = percentile(&buckets, share).unwrap();
            assert!((found / truth - 1.0).abs() < 0.051, "{share}: {found} for {truth}");
        }
    }

    #[test]
    fn no_tickets_have_no_percentile_and_an_instant_is_a_bucket() {
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[(7, 0)], 0.5), None);
        assert_eq!(buckets_of([-5, 0, 1]), [(0, 1), (0, 1), (0, 1)]);
    }
}
