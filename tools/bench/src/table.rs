//! Ratios with their goals and floors, as Markdown.

use std::{fmt::Write as _, time::Duration};

use crate::options::Options;

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    goal: f64,
    floor: f64,
    smaller_is_better: bool,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    figure: String,
    ours: String,
    reference: String,
    ratio: Option<f64>,
    bounds: Option<Bounds>,
}

impl Bounds {
    /// The larger the better.
    pub const fn at_least(goal: f64, floor: f64) -> Self {
        Self { goal, floor, smaller_is_better: false }
    }

    /// The smaller the better.
    pub const fn at_most(goal: f64, floor: f64) -> Self {
        Self { goal, floor, smaller_is_better: true }
    }

    fn verdict(self, ratio: f64) -> &'static str {
        let meets = |bound| if self.smaller_is_better { ratio <= bound } else { ratio >= bound };
        match (meets(self.goal), meets(self.floor)) {
            (true, _) => "goal",
            (false, true) => "floor",
            (false, false) => "**missed**",
        }
    }
}

impl Table {
    /// Adds a comparison.
    pub fn ratio(
        &mut self,
        figure: String,
        ours: String,
        reference: String,
        ratio: f64,
        bounds: Option<Bounds>,
    ) {
        self.rows.push(Row { figure, ours, reference, ratio: Some(ratio), bounds });
    }

    /// Adds a figure that is compared with nothing.
    pub fn figure(&mut self, figure: impl Into<String>, ours: String) {
        self.rows.push(Row {
            figure: figure.into(),
            ours,
            reference: String::new(),
            ratio: None,
            bounds: None,
        });
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The whole, fit for `docs/BENCHMARKS.md`.
    pub fn markdown(&self, options: &Options, took: Duration) -> String {
        let mut text = String::from(
            "| figure | measured | compared with | ratio | goal | floor | |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let number = |n: f64| if n.is_finite() { format!("{n:.2}") } else { String::new() };
            let (goal, floor, verdict) = match (row.bounds, row.ratio) {
                (Some(bounds), Some(ratio)) => {
                    (number(bounds.goal), number(bounds.floor), bounds.verdict(ratio))
                }
                _ => Default::default(),
            };
            let ratio = row.ratio.map(number).unwrap_or_default();
            let Row { figure, ours, reference, .. } = row;
            let _ = writeln!(
                text,
                "| {figure} | {ours} | {reference} | {ratio} | {goal} | {floor} | {verdict} |"
            );
        }
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let _ = writeln!(
            text,
            "\n{} rounds of {} s points, {cores} cores for everything, {:.0} s in all; {}",
            options.rounds(),
            options.point().as_secs(),
            took.as_secs_f64(),
            self.notes.join("; ")
        );
        text
    }
}

/// The middle one; of an even number the lower of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
