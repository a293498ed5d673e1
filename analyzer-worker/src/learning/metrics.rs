//! How good answers are counted.

use std::collections::{BTreeMap, HashSet};

use super::dataset::LabelledSpan;

/// Right answers and given answers of one question, as label indices: `[right][given]` counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of right and given answers.
    #[must_use]
    pub fn new(labels: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; labels]; labels];
        for (right, given) in pairs {
            counts[right][given] += 1;
        }
        Self { counts }
    }

    /// How often `given` was answered where `right` was right.
    #[must_use]
    pub fn count(&self, right: usize, given: usize) -> usize {
        self.counts[right][given]
    }

    fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Share of right answers, 0 to 1.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.counts.len()).map(|label| self.counts[label][label]).sum();
        ratio(right, self.total())
    }

    /// F1 of each label that occurs, averaged without weights.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let occurring = (0..self.counts.len()).filter(|&label| self.counts[label].iter().sum::<usize>() > 0);
        let scores: Vec<_> = occurring.map(|label| self.f1(label)).collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }

    fn f1(&self, label: usize) -> f64 {
        let hits = self.counts[label][label];
        let right: usize = self.counts[label].iter().sum();
        let given: usize = self.counts.iter().map(|row| row[label]).sum();
        ratio(2 * hits, right + given)
    }

    /// Agreement beyond chance where being off by two is four times as bad as by one: 1 perfect, 0 chance.
    #[must_use]
    pub fn quadratic_kappa(&self) -> f64 {
        let size = self.counts.len();
        let total = self.total().max(1) as f64;
        let rows: Vec<usize> = self.counts.iter().map(|row| row.iter().sum()).collect();
        let columns: Vec<usize> =
            (0..size).map(|given| self.counts.iter().map(|row| row[given]).sum()).collect();
        let (mut observed, mut expected) = (0.0, 0.0);
        for (right, given) in (0..size).flat_map(|right| (0..size).map(move |given| (right, given))) {
            let weight = (right.abs_diff(given) as f64).powi(2);
            observed += weight * self.counts[right][given] as f64;
            expected += weight * rows[right] as f64 * columns[given] as f64 / total;
        }
        if expected == 0.0 { 1.0 } else { 1.0 - observed / expected }
    }
}

/// Hits, misses and false alarms of entities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanScore {
    hits: usize,
    right: usize,
    given: usize,
}

impl SpanScore {
    /// Share of the given ones that are right.
    #[must_use]
    pub fn precision(self) -> f64 {
        ratio(self.hits, self.given)
    }

    /// Share of the right ones that were given.
    #[must_use]
    pub fn recall(self) -> f64 {
        ratio(self.hits, self.right)
    }

    /// Harmonic mean of both.
    #[must_use]
    pub fn f1(self) -> f64 {
        ratio(2 * self.hits, self.right + self.given)
    }

    /// How many there were to find.
    #[must_use]
    pub const fn right(self) -> usize {
        self.right
    }
}

/// Scores of exact (text, label) pairs by label, over (right, given) pairs of tickets.
#[must_use]
pub fn span_scores(tickets: &[(&[LabelledSpan], Vec<LabelledSpan>)]) -> BTreeMap<String, SpanScore> {
    let mut scores: BTreeMap<String, SpanScore> = BTreeMap::new();
    for (right, given) in tickets {
        let known: HashSet<_> = right.iter().collect();
        for span in *right {
            scores.entry(span.label.clone()).or_default().right += 1;
        }
        for span in given {
            let score = scores.entry(span.label.clone()).or_default();
            score.given += 1;
            score.hits += usize::from(known.contains(span));
        }
    }
    scores
}

/// The score of all labels together.
#[must_use]
pub fn all_spans(scores: &BTreeMap<String, SpanScore>) -> SpanScore {
    scores.values().fold(SpanScore::default(), |sum, score| SpanScore {
        hits: sum.hits + score.hits,
        right: sum.right + score.right,
        given: sum.given + score.given,
    })
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn perfect_answers_score_one() {
        let confusion = Confusion::new(3, [(0, 0), (1, 1), (2, 2)]);
        assert!(close(confusion.accuracy(), 1.0) && close(confusion.macro_f1(), 1.0));
        assert!(close(confusion.quadratic_kappa(), 1.0));
    }

    #[test]
    fn one_label_for_everything_agrees_no_better_than_chance() {
        let confusion = Confusion::new(2, [(0, 0), (1, 0), (0, 0), (1, 0)]);
        assert!(close(confusion.quadratic_kappa(), 0.0));
        assert!(close(confusion.macro_f1(), (2.0 / 3.0) / 2.0));
    }

    #[test]
    fn being_far_off_costs_more_than_being_close() {
        let near = Confusion::new(4, [(0, 1), (1, 1), (2, 2), (3, 3)]);
        let far = Confusion::new(4, [(0, 3), (1, 1), (2, 2), (3, 3)]);
        assert!(near.quadratic_kappa() > far.quadratic_kappa());
    }

    #[test]
    fn a_span_counts_only_with_its_label() {
        let span = |text: &str, label: &str| LabelledSpan { text: text.to_owned(), label: label.to_owned() };
        let right = [span("srv-1", "HOST"), span("Ada", "PERSON")];
        let scores = span_scores(&[(&right, vec![span("srv-1", "HOST"), span("Ada", "ORG")])]);
        let all = all_spans(&scores);
        assert!(close(all.precision(), 0.5) && close(all.recall(), 0.5) && close(scores["HOST"].f1(), 1.0));
    }
}
