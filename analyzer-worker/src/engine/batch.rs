//! How much goes into one forward pass. A batch is measured in word pieces and not in tickets, because texts are packed end
//! to end: what a pass costs is its length.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Job;
use crate::model::embedder::TOKEN_BUDGET;

/// Bytes of English text that are one word piece, about.
const BYTES_PER_PIECE: usize = 4;
/// The smallest batch: a ticket of usual length.
const LEAST: usize = 128;
/// Share of the newest measurement in the estimate.
const NEWEST: f64 = 0.2;

/// How fast batches are answered here, and how long one may take.
pub(super) struct Pace {
    budget: Duration,
    pieces_per_second: Option<f64>,
}

impl Pace {
    pub(super) const fn new(budget: Duration) -> Self {
        Self { budget, pieces_per_second: None }
    }

    /// Word pieces that are answered within the budget; never more than the caches are good for.
    fn allowance(&self) -> usize {
        let affordable = self.pieces_per_second.map(|rate| rate * self.budget.as_secs_f64());
        affordable.map_or(TOKEN_BUDGET, |pieces| (pieces as usize).clamp(LEAST, TOKEN_BUDGET))
    }

    /// Word pieces of a batch, about.
    pub(super) fn length(batch: &[Job]) -> usize {
        batch.iter().map(word_pieces).sum()
    }

    /// Notes how long a batch of that length took.
    pub(super) fn observe(&mut self, pieces: usize, took: Duration) {
        let rate = pieces as f64 / took.as_secs_f64().max(1e-6);
        self.pieces_per_second =
            Some(self.pieces_per_second.map_or(rate, |before| before + NEWEST * (rate - before)));
    }

    /// Takes what waits, up to the allowance; the job that no longer fits starts the next batch.
    pub(super) fn fill(&self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Job>, Option<Job>) {
        let allowance = self.allowance();
        let mut pieces = word_pieces(&first);
        let mut batch = vec![first];
        while let Ok(job) = jobs.try_recv() {
            pieces += word_pieces(&job);
            if pieces > allowance {
                return (batch, Some(job));
            }
            batch.push(job);
        }
        (batch, None)
    }
}

/// Word pieces of a ticket. An estimate is enough here: the embedder counts.
fn word_pieces(job: &Job) -> usize {
    job.request.description.len() / BYTES_PER_PIECE + 2
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::sync::oneshot;

    use super::*;
    use crate::engine::Request;

    fn job(pieces: usize) -> Job {
        let description = "x".repeat((pieces - 2) * BYTES_PER_PIECE);
        let request = Request { description, request_type: "Network".to_owned() };
        Job { request, since: Instant::now(), reply: oneshot::channel().0, _place: None }
    }

    fn filled(pace: &Pace, waiting: &[usize]) -> (usize, bool) {
        let (queue, mut jobs) = mpsc::channel(100);
        for &pieces in waiting {
            queue.try_send(job(pieces)).unwrap();
        }
        let first = jobs.try_recv().unwrap();
        let (batch, left_over) = pace.fill(first, &mut jobs);
        (batch.len(), left_over.is_some())
    }

    #[test]
    fn a_batch_is_cut_by_length_and_not_by_count() {
        let pace = Pace::new(Duration::from_secs(1));
        assert_eq!(filled(&pace, &[10; 50]), (50, false));
        assert_eq!(filled(&pace, &[500, 500, 500]), (2, true));
    }

    #[test]
    fn a_slow_machine_gets_batches_that_end_within_the_budget() {
        let mut pace = Pace::new(Duration::from_millis(200));
        // 1000 pieces a second: 200 fit into the budget.
        (0..50).for_each(|_| pace.observe(100, Duration::from_millis(100)));
        assert_eq!(filled(&pace, &[100, 90, 20]), (2, true));
    }

    #[test]
    fn even_the_slowest_machine_answers_a_ticket_at_a_time() {
        let mut pace = Pace::new(Duration::from_millis(1));
        pace.observe(100, Duration::from_secs(9));
        assert_eq!(filled(&pace, &[500, 10]), (1, true));
    }
}
