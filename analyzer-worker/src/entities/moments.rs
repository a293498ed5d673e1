//! Dates and times. Adjacent ones are one span ("tomorrow at 10:00").

use std::sync::LazyLock;

use regex::Regex;

use super::{candidate::Candidate, pattern};

const WEEKDAY: &str = r"(?i:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
/// `may` and `march` are words as well: those two count in their capital form only.
const MONTH: &str = r"(?:(?i:january|february|april|june|july|august|september|october|november|december)|March|May|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)";
const PART_OF_DAY: &str = r"(?i:morning|afternoon|evening|night|noon)";
const SEASON: &str = r"(?i:spring|summer|autumn|winter)";

static SPAN: LazyLock<Regex> = LazyLock::new(|| {
    let unit = units().join("|");
    pattern(&format!(r"(?:\b|^)(?:{unit})(?:(?:,\s*|\s+)(?:(?:at|on|around|of)\s+)?(?:{unit}))*"))
});

/// A year standing alone counts where a preposition says that it is one.
static YEAR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:in|since|from|of|for|until|by|during|before|after)\s+((?:19|20)\d\d)\b")
});

static SEASON_ALONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"\b(?:in|since|until|before|by|during|for)\s+(?:the\s+)?({SEASON}(?:\s20\d\d)?)\b"))
});

fn units() -> Vec<String> {
    vec![
        r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\b".to_owned(),
        r"\d{1,2}[./]\d{1,2}[./](?:19|20)?\d{2}\b".to_owned(),
        format!(r"\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}\b(?:,? 20\d\d\b)?"),
        format!(r"{MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? 20\d\d\b)?"),
        format!(r"{MONTH}\b(?: 20\d\d\b)?"),
        format!(
            r"(?i:the day (?:after tomorrow|before yesterday)|today|tonight|(?:tomorrow|yesterday)(?: {PART_OF_DAY}\b)?)\b"
        ),
        format!(
            r"(?i:this|last|next|coming) (?i:{PART_OF_DAY}|{WEEKDAY}|{SEASON}|{MONTH}|week|weekend|month|quarter|year)\b(?: {PART_OF_DAY}\b)?(?: (?i:next week)\b)?"
        ),
        format!(r"{WEEKDAY}\b(?: {PART_OF_DAY}\b)?(?: (?i:next|last|this) week\b)?"),
        r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b, \d{1,2} [A-Z][a-z]{2}\b(?: 20\d\d\b)?".to_owned(),
        r"Q[1-4](?: 20\d\d)?\b".to_owned(),
        r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b(?:\s?(?i:[ap]\.?m\b\.?|uhr\b|h\b))?".to_owned(),
        r"\d{1,2}(?:\.\d{2})?\s?(?i:[ap]m|o'clock)\b".to_owned(),
    ]
}

/// Finds them all.
pub(super) fn find(text: &str) -> Vec<Candidate> {
    let spans = SPAN.find_iter(text).map(|found| trimmed(text, found.range(), 0.93));
    let group = |pattern: &'static Regex, confidence| {
        let found = pattern.captures_iter(text).filter_map(|captures| captures.get(1));
        found.map(move |own| Candidate::new(own.range(), "DATETIME", confidence))
    };
    spans
        .filter(|span| !is_part_of_something(text, span) && !is_a_verb(text, span))
        .chain(group(&YEAR, 0.85))
        .chain(group(&SEASON_ALONE, 0.8))
        .collect()
}

fn trimmed(text: &str, range: std::ops::Range<usize>, confidence: f32) -> Candidate {
    let own = text[range.clone()].trim_end();
    Candidate::new(range.start..range.start + own.len(), "DATETIME", confidence)
}

/// "May we" and "it may" are no months: alone it counts after a preposition only.
fn is_a_verb(text: &str, span: &Candidate) -> bool {
    let previous = text[..span.start].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_announced =
        matches!(previous, "in" | "of" | "since" | "by" | "until" | "last" | "next" | "mid" | "from");
    matches!(&text[span.start..span.end], "May" | "Mar" | "Sep") && !is_announced
}

/// "10:20" inside of a longer number, an address or a version is no time.
fn is_part_of_something(text: &str, span: &Candidate) -> bool {
    let before = text[..span.start].chars().next_back();
    let after = text[span.end..].chars().next();
    before.is_some_and(|c| matches!(c, ':' | '.' | '-' | '/' | '_') || c.is_alphanumeric())
        && text[span.start..].starts_with(|c: char| c.is_ascii_digit())
        || after.is_some_and(|c| matches!(c, ':' | '_'))
            && text[..span.end].ends_with(|c: char| c.is_ascii_digit())
            && text[span.end + 1..].starts_with(|c: char| c.is_ascii_hexdigit())
}
