//! How a model does on a hold-out, in one number per question.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::ensure;
use schemas::{Analysis, analysis::Priority};
use tokio_util::sync::CancellationToken;

use super::interruption::INTERRUPTED;
use crate::{
    analyst::Analyst,
    engine::Request,
    learning::{dataset::Example, metrics::Confusion},
};

/// Tickets analyzed together.
const BATCH: usize = 16;
/// How much worse one figure may get while the mean gets better.
const TOLERANCE: f64 = 0.03;

/// Figures between 0 and 1, by name; more is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Score(BTreeMap<&'static str, f64>);

impl Score {
    /// Of a model on labelled tickets.
    ///
    /// # Errors
    /// When the model cannot answer, or somebody stops it.
    pub fn of(analyst: &Analyst, held_out: &[Example], stop: &CancellationToken) -> anyhow::Result<Self> {
        let mut answers = Vec::with_capacity(held_out.len());
        for chunk in held_out.chunks(BATCH) {
            ensure!(!stop.is_cancelled(), INTERRUPTED);
            let requests: Vec<_> = chunk.iter().map(request).collect();
            let requests: Vec<_> = requests.iter().collect();
            answers.extend(tch::no_grad(|| analyst.analyze(&requests))?);
        }
        let pairs: Vec<_> = held_out.iter().zip(&answers).collect();
        let share = |is_right: &dyn Fn(&Example, &Analysis) -> bool| {
            let right = pairs.iter().filter(|(example, answer)| is_right(example, answer)).count();
            right as f64 / pairs.len().max(1) as f64
        };
        let rank = |priority: Priority| Priority::ALL.iter().position(|&p| p == priority).unwrap_or_default();
        let priorities = pairs.iter().map(|(e, a)| (rank(e.priority), rank(a.priority.label)));
        Ok(Self(BTreeMap::from([
            ("category", share(&|e, a| e.category == a.category.label)),
            ("kind", share(&|e, a| e.kind == a.kind.label)),
            ("priorityKappa", Confusion::new(Priority::ALL.len(), priorities).quadratic_kappa()),
            ("route", share(&|e, a| e.route == a.route.label)),
            ("sentiment", share(&|e, a| e.sentiment == a.sentiment.label)),
        ])))
    }

    /// Better on the whole, and nowhere much worse.
    #[must_use]
    pub fn is_better_than(&self, other: &Self) -> bool {
        let is_no_loss =
            |(name, value): (&&str, &f64)| other.0.get(name).is_none_or(|o| value + TOLERANCE >= *o);
        self.mean() > other.mean() && self.0.iter().all(is_no_loss)
    }

    fn mean(&self) -> f64 {
        self.0.values().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// By name, for the event.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, f64> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }
}

/// Both, for people.
#[must_use]
pub fn table(before: &Score, after: &Score) -> String {
    let mut text = format!("{:>14}  before   after", "");
    for (name, after) in &after.0 {
        let before = before.0.get(name).copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{name:>14}  {before:>6.3}  {after:>6.3}");
    }
    let _ = write!(text, "\n{:>14}  {:>6.3}  {:>6.3}", "mean", before.mean(), after.mean());
    text
}

fn request(example: &Example) -> Request {
    Request { description: example.description.clone(), request_type: example.request_type.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(category: f64, kind: f64) -> Score {
        Score(BTreeMap::from([("category", category), ("kind", kind)]))
    }

    #[test]
    fn a_model_is_better_only_if_it_is_so_on_the_whole_and_nowhere_much_worse() {
        assert!(score(0.82, 0.70).is_better_than(&score(0.80, 0.70)));
        assert!(score(0.84, 0.69).is_better_than(&score(0.80, 0.70)));
        assert!(!score(0.80, 0.70).is_better_than(&score(0.80, 0.70)), "as good is not better");
        assert!(!score(0.90, 0.65).is_better_than(&score(0.80, 0.70)), "a question is much worse");
        assert!(!score(0.79, 0.70).is_better_than(&score(0.80, 0.70)));
    }
}
