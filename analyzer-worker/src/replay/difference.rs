//! What would change: decisions by name, and whether people who corrected an answer would agree.

use std::{collections::BTreeMap, fmt::Write as _};

use schemas::{
    Analysis, Envelope,
    event::AnalysisCorrected,
    work::{Decided, Decision},
};

use super::Recorded;

/// Changes listed by kind at most.
const SHOWN: usize = 5;

/// The comparison so far.
#[derive(Debug, Default)]
pub struct Difference {
    compared: usize,
    erased: usize,
    failed: usize,
    decisions: BTreeMap<Decision, Change>,
    /// Changes of single tickets, as lines: where, and from which label to which; never a text.
    tickets: Vec<String>,
    /// Lines of them at most.
    listed: usize,
}

/// What became of one decision.
#[derive(Debug, Default)]
struct Change {
    changed: usize,
    /// From and to, with how often.
    kinds: BTreeMap<(String, String), usize>,
    corrected: usize,
    agreeing: usize,
}

impl Difference {
    /// None so far, of which `listed` changes will be listed ticket by ticket at most.
    #[must_use]
    pub fn listing(listed: usize) -> Self {
        Self { listed, ..Self::default() }
    }

    /// Adds an answer that can be compared.
    pub fn add(
        &mut self,
        event: &Envelope,
        recorded: &Recorded,
        candidate: &Analysis,
        corrections: &[AnalysisCorrected],
    ) {
        self.compared += 1;
        for decision in Decision::ALL {
            let change = self.decisions.entry(decision).or_default();
            let (before, after) = (recorded.decided(decision), candidate.decided(decision));
            if before != after {
                change.changed += 1;
                let (from, to) = (shown(&before), shown(&after));
                if self.tickets.len() < self.listed {
                    let (position, ticket, name) = (event.position, event.subject, decision.name());
                    self.tickets.push(format!("{position}  {ticket}  {name}: {from} -> {to}"));
                }
                *change.kinds.entry((from, to)).or_default() += 1;
            }
            // The last word counts.
            let mut decisions = corrections.iter().filter_map(AnalysisCorrected::decision);
            if let Some((_, to)) = decisions.rfind(|(field, _)| *field == decision) {
                change.corrected += 1;
                change.agreeing += usize::from(*to == after);
            }
        }
    }

    /// Counts a ticket whose text is gone.
    pub const fn skip(&mut self) {
        self.erased += 1;
    }

    /// Counts a ticket that the candidate breaks on.
    pub const fn fail(&mut self) {
        self.failed += 1;
    }

    /// Recorded answers that were compared.
    #[must_use]
    pub const fn compared(&self) -> usize {
        self.compared
    }

    /// Recorded answers in which a decision would be another one.
    #[must_use]
    pub fn changed(&self, decision: Decision) -> usize {
        self.decisions.get(&decision).map_or(0, |change| change.changed)
    }

    /// For people.
    #[must_use]
    pub fn report(&self, revision: &str) -> String {
        let mut text = format!("{} answers compared with those of {revision}", self.compared);
        for (count, what) in [(self.erased, "erased"), (self.failed, "that it breaks on")] {
            if count > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "; {count} tickets {what}");
            }
        }
        for (decision, change) in &self.decisions {
            let share = 100.0 * change.changed as f64 / self.compared.max(1) as f64;
            let _ = write!(text, "\n{:>10}: {} would change ({share:.1} %)", decision.name(), change.changed);
            if change.corrected > 0 {
                let _ = write!(
                    text,
                    "; says what people corrected it to in {} of {} cases",
                    change.agreeing, change.corrected
                );
            }
            let mut kinds: Vec<_> = change.kinds.iter().collect();
            kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            for ((from, to), count) in kinds.into_iter().take(SHOWN) {
                let _ = write!(text, "\n{:>12}{from} -> {to}: {count}", "");
            }
        }
        self.append_tickets(&mut text);
        text
    }

    fn append_tickets(&self, text: &mut String) {
        for ticket in &self.tickets {
            let _ = write!(text, "\n{ticket}");
        }
        let changes: usize = self.decisions.values().map(|change| change.changed).sum();
        if self.listed > 0 && changes > self.tickets.len() {
            let _ = write!(text, "\n{} of {changes} changes listed", self.tickets.len());
        }
    }
}

fn shown(decided: &Decided) -> String {
    match decided {
        Decided::Level(level) => level.to_string(),
        Decided::Label(label) => label.clone(),
    }
}
