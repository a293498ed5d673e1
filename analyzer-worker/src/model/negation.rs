//! What a text denies: "nothing is down" speaks of no standstill. Only reasons ask; the heads learned from the cues as
//! they stand.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// Characters before a wording that are looked at.
const REACH: usize = 60;

/// A denial, and only small words between it and the wording: no other verb, and no end of the clause.
const DENIED_BEFORE: &str = r"(?:\b(?:no|not|nobody|no ?one|nothing|never|without|none|neither|nor)|\b(?:is|are|was|were|do|does|did|has|have|had)n't)(?:\s+(?:is|are|was|were|be|been|being|has|have|had|a|an|any|the|my|our|in|of|about|by|(?:\w+ )?or|known|really|yet|so|very|currently|actually|completely|longer|sign of|signs of|at all))*\s+$";

/// "Nobody can work" affects everybody, "nobody is affected" nobody.
const NOBODY_SUFFERS: &str = r"^(?:\s+of (?:us|them|you))?\s+(?:(?:is|are|was|were|seems?|gets?|got|has been|have been)\s+(?:\w+ly\s+)?(?:affected|impacted|hurt|harmed|injured|blocked|hindered|disturbed|bothered|stopped|stuck|waiting|locked out|in danger|at risk)|(?:complain|notice|mind|care|need)(?:s|d|ed)?)\b";

#[expect(clippy::unwrap_used, reason = "the patterns are constants and a test compiles them")]
static BEFORE: LazyLock<Regex> = LazyLock::new(|| Regex::new(DENIED_BEFORE).unwrap());
#[expect(clippy::unwrap_used, reason = "the patterns are constants and a test compiles them")]
static AFTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(NOBODY_SUFFERS).unwrap());

/// Whether a lower-case text denies what it says at `wording`.
#[must_use]
pub fn is_denied(text: &str, wording: Range<usize>) -> bool {
    let (before, found, after) = (&text[..wording.start], &text[wording.clone()], &text[wording.end..]);
    let is_nobody = ["nobody", "no one", "noone", "none of"].iter().any(|word| found.starts_with(word));
    BEFORE.is_match(tail(before)) || (is_nobody && AFTER.is_match(after))
}

fn tail(text: &str) -> &str {
    let start = text.char_indices().rev().nth(REACH).map_or(0, |(start, _)| start);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denies(text: &str, wording: &str) -> bool {
        let start = text.find(wording).unwrap();
        is_denied(text, start..start + wording.len())
    }

    #[test]
    fn what_is_denied_directly_before_is_denied() {
        for (text, wording) in [
            ("nothing is down", "down"),
            ("there is no error", "error"),
            ("without any virus", "virus"),
            ("it isn't broken", "broken"),
            ("we are no longer blocked", "blocked"),
            ("no smoke or fire", "fire"),
            ("nobody is affected", "nobody"),
            ("no one was really affected", "no one"),
        ] {
            assert!(denies(text, wording), "{text}");
        }
    }

    #[test]
    fn what_stands_in_another_clause_or_after_another_verb_is_not_denied() {
        for (text, wording) in [
            ("it does not start, error 5", "error"),
            ("i do not know whether it is down", "down"),
            ("it does not print today", "today"),
            ("nobody can work", "nobody"),
            ("nobody can log in because the server is down", "down"),
            ("the server says no. down again", "down"),
            ("a note: it is down", "down"),
        ] {
            assert!(!denies(text, wording), "{text}");
        }
    }
}
