//! Rooms, floors, buildings, streets and cloud regions.

use std::sync::LazyLock;

use regex::Regex;

use super::{candidate::Candidate, pattern};

static RULES: LazyLock<Vec<(Regex, f32)>> = LazyLock::new(|| {
    vec![
        (
            pattern(
                r"(?i)\b(?:server |meeting |conference |class)?(?:room|building|gate|berth|block|hall|wing|bay|dock|pier|terminal|ward|lab|site|unit|theatre|raum|gebäude|lecture hall) (?:[a-z]{0,2}-?\d+(?:[./-]\d+)*[a-z]?|[A-Z])\b",
            ),
            0.86,
        ),
        (
            pattern(
                r"(?i)\b(?:ground|(?:\d{1,2}(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|top)) floor\b(?: of (?:building [a-z0-9]+))?",
            ),
            0.8,
        ),
        (pattern(r"(?i)\bfloor \d{1,2}\b"), 0.85),
        (
            pattern(
                r"\b\d{1,4}[a-z]? (?:\p{Lu}\p{L}+ ){1,3}(?:Street|Road|Lane|Avenue|Square|Drive|Way|Close|Quay|Row|Place|Terrace|Boulevard)\b(?:, (?:\d{4,5} )?\p{Lu}\p{L}+)?",
            ),
            0.9,
        ),
        (
            pattern(
                r"\b(?:\p{Lu}\p{L}+ ){1,2}(?:Street|Road|Lane|Avenue|Square|Quay|Terrace|Boulevard|Wharf|Isles|Island|Bay|Valley)(?: \d{1,4}[a-z]?)?\b",
            ),
            0.7,
        ),
        (
            pattern(
                r"\b\p{Lu}\p{Ll}+(?:straße|strasse|weg|platz|gasse|allee|ring|damm|ufer) \d{1,4}[a-z]?(?:, \d{4,5} \p{Lu}\p{L}+)?",
            ),
            0.92,
        ),
        (
            pattern(
                r"\b(?:eu|us|ap|sa|ca|me|af)-(?:central|east|west|north|south|northeast|southeast|northwest|southwest)-?\d\b",
            ),
            0.95,
        ),
        (
            pattern(
                r"\b(?:us|europe|asia|australia)-(?:central|east|west|north|south|northeast|southeast)\d\b",
            ),
            0.95,
        ),
        (
            pattern(
                r"\b(?:west|north|east|south|central)(?:europe|us2?|us)|(?:germany|switzerland|france|uk|norway|sweden|poland|italy)(?:west|north|south|central)(?:central)?\b",
            ),
            0.9,
        ),
    ]
});

/// Finds them all.
pub(super) fn find(text: &str) -> Vec<Candidate> {
    let matches = RULES.iter().flat_map(|(pattern, confidence)| {
        pattern.find_iter(text).map(|own| Candidate::new(own.range(), "LOCATION", *confidence))
    });
    matches.collect()
}
