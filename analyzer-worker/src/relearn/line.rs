//! Which promotions stand. Each rollback takes the last one back that still stands, so that going back again goes further
//! back; what was taken back is never gone back to unless somebody names it.

use schemas::{analysis::ModelRef, model::Promotion};

use crate::models::Promoted;

/// The promotions that were not taken back.
#[derive(Debug)]
pub(super) struct Line<'p> {
    /// What answered before the first promotion.
    first: Option<&'p ModelRef>,
    standing: Vec<&'p Promoted>,
}

impl<'p> Line<'p> {
    /// Of all promotions, oldest first.
    pub(super) fn of(promotions: &'p [Promoted]) -> Self {
        let first = promotions.first().and_then(|promoted| promoted.fact.previous.as_ref());
        let mut line = Self { first, standing: Vec::new() };
        for promoted in promotions {
            match promoted.fact.reason {
                Promotion::Better => line.standing.push(promoted),
                Promotion::Rollback => line.go_back(promoted),
            }
        }
        line
    }

    fn go_back(&mut self, promoted: &'p Promoted) {
        let model = &promoted.fact.model;
        let below = self.standing.len().saturating_sub(1);
        match self.standing[..below].iter().rposition(|standing| standing.fact.model == *model) {
            Some(place) => self.standing.truncate(place + 1),
            None if self.first == Some(model) => self.standing.clear(),
            // Somebody named it: that can be taken back too.
            None => self.standing.push(promoted),
        }
    }

    /// The promotion that the next rollback takes back.
    pub(super) fn last(&self) -> Option<&'p Promoted> {
        self.standing.last().copied()
    }

    /// The model that the next rollback goes back to.
    pub(super) fn before_last(&self) -> Option<&'p ModelRef> {
        match self.standing.as_slice() {
            [] => None,
            [_] => self.first,
            [.., before, _] => Some(&before.fact.model),
        }
    }

    /// What answered before the first promotion.
    pub(super) const fn first(&self) -> Option<&'p ModelRef> {
        self.first
    }

    /// Whether a promotion was not taken back.
    pub(super) fn has(&self, promoted: &Promoted) -> bool {
        self.standing.iter().any(|standing| standing.position == promoted.position)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;
    use schemas::{Position, model::ModelPromoted};

    use super::*;

    fn model(name: &str) -> ModelRef {
        ModelRef { name: "minilm-l6".to_owned(), revision: name.to_owned(), sha256: name.to_owned() }
    }

    /// Promotions in the order of the log: reason and model each, after the shipped one.
    pub(in super::super) fn log(facts: &[(Promotion, &str)]) -> Vec<Promoted> {
        let mut previous = model("shipped");
        let promoted = |(index, (reason, name)): (usize, &(Promotion, &str))| {
            let fact = ModelPromoted {
                model: model(name),
                previous: Some(std::mem::replace(&mut previous, model(name))),
                reason: *reason,
                trained_until: Position(index as i64),
                held_out: 200,
                before: [("category".to_owned(), 0.8)].into(),
                after: [("category".to_owned(), 0.9)].into(),
            };
            Promoted { position: Position(index as i64 + 1), time: DateTime::UNIX_EPOCH, fact }
        };
        facts.iter().enumerate().map(promoted).collect()
    }

    fn before_last(facts: &[(Promotion, &str)]) -> Option<String> {
        Line::of(&log(facts)).before_last().map(|model| model.revision.clone())
    }

    #[test]
    fn each_rollback_goes_further_back_and_ends_at_the_first_model() {
        use Promotion::{Better, Rollback};
        let mut facts = vec![(Better, "one"), (Better, "two"), (Better, "three")];
        for expected in ["two", "one", "shipped"] {
            assert_eq!(before_last(&facts).as_deref(), Some(expected));
            facts.push((Rollback, expected));
        }
        assert_eq!(before_last(&facts), None, "there is nothing left to take back");
        facts.push((Better, "four"));
        assert_eq!(before_last(&facts).as_deref(), Some("shipped"), "what was taken back is skipped");
    }

    #[test]
    fn a_model_that_somebody_named_is_taken_back_like_a_promotion() {
        use Promotion::{Better, Rollback};
        // What older programs did on the second rollback.
        let toggled = [(Better, "one"), (Rollback, "shipped"), (Rollback, "one")];
        assert_eq!(before_last(&toggled).as_deref(), Some("shipped"));
        let elsewhere = [(Better, "one"), (Better, "two"), (Rollback, "other")];
        assert_eq!(before_last(&elsewhere).as_deref(), Some("two"));
    }
}
