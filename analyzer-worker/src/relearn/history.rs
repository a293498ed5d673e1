//! `analyzer-worker promotions`: which models answered when, which one does, and how they compared.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use schemas::{Position, event::ModelPromoted, model::Promotion};

use super::{Registry, line::Line};
use crate::models::{Promoted, promotions};

/// Every promotion, oldest first.
///
/// # Errors
/// When the log fails.
pub async fn history(registry: Registry) -> anyhow::Result<String> {
    let opened = registry.open().await?;
    Ok(list(&promotions(&opened.store).await?))
}

fn list(all: &[Promoted]) -> String {
    let Some(answering) = all.last() else {
        return "no model was ever promoted: the heads that came with the program answer".to_owned();
    };
    let line = Line::of(all);
    let mut text = String::new();
    if let Some(first) = line.first() {
        let _ = writeln!(text, "  {}: answered before the first promotion", first.revision);
    }
    for promoted in all {
        let fact = &promoted.fact;
        let answers = promoted.position == answering.position;
        let _ = writeln!(
            text,
            "{} {}: {}, position {} at {}, {}{}",
            if answers { '*' } else { ' ' },
            fact.model.revision,
            if fact.reason == Promotion::Better { "better" } else { "gone back to" },
            promoted.position,
            promoted.time.to_rfc3339_opts(SecondsFormat::Secs, true),
            learned(fact.trained_until),
            if fact.reason == Promotion::Better && !line.has(promoted) { ", taken back" } else { "" },
        );
        text.push_str(&figures(fact));
    }
    let _ = write!(text, "* answers: {}", answering.fact.model.revision);
    text
}

fn learned(until: Position) -> String {
    if until == Position::START {
        return "learned nothing of this log".to_owned();
    }
    format!("learned from the log up to position {until}")
}

/// Both models on the hold-out; nothing where they were never compared.
fn figures(fact: &ModelPromoted) -> String {
    if fact.after.is_empty() {
        return String::new();
    }
    let figures = fact.after.iter().map(|(name, after)| {
        let before = fact.before.get(name).map_or_else(String::new, |before| format!("{before:.3} -> "));
        format!("{name} {before}{after:.3}")
    });
    format!("    on {} tickets held out: {}\n", fact.held_out, figures.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use Promotion::{Better, Rollback};

    use super::{super::line::tests::log, *};

    #[test]
    fn the_list_says_what_answers_since_when_and_with_which_figures() {
        let text = list(&log(&[(Better, "one"), (Better, "two"), (Rollback, "one")]));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "  shipped: answered before the first promotion");
        assert_eq!(
            lines[1..3],
            [
                "  one: better, position 1 at 1970-01-01T00:00:00Z, learned nothing of this log",
                "    on 200 tickets held out: category 0.800 -> 0.900"
            ]
        );
        assert!(
            lines[3].starts_with("  two: better") && lines[3].ends_with("position 1, taken back"),
            "{text}"
        );
        assert!(lines[5].starts_with("* one: gone back to, position 3"), "{text}");
        assert_eq!(lines[7], "* answers: one");
    }
}
