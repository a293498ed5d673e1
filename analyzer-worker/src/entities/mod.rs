//! What a text names: patterns for what has a form, lists and contexts for what has none.
//!
//! Reading order:
//! - [`candidate`]: a possible entity, and how overlapping ones are settled
//! - [`technical`]: addresses, hosts, error codes, telephone numbers
//! - [`moments`]: dates and times
//! - [`places`]: rooms, floors, streets, regions
//! - [`gazetteer`]: listed names of products, brands, places and people
//! - [`names`]: people and organisations by the words around them

mod candidate;
mod gazetteer;
mod moments;
mod names;
mod places;
mod technical;

use std::collections::{BTreeMap, HashSet};

use regex::Regex;
use schemas::analysis::Entity;

pub use candidate::Candidate;
use candidate::settle;

/// What patterns, lists and contexts take for entities, overlaps settled, in reading order.
#[must_use]
pub fn candidates(text: &str) -> Vec<Candidate> {
    let mut candidates = technical::find(text);
    candidates.extend(moments::find(text));
    candidates.extend(places::find(text));
    candidates.extend(gazetteer::find(text));
    candidates.extend(names::find(text));
    settle(candidates)
}

/// The entities of a text as patterns alone find them.
#[must_use]
pub fn entities(text: &str) -> Vec<Entity> {
    distinct(text, candidates(text))
}

/// What patterns find, and what the model has `tagged` where they find nothing: each label from the confidence that
/// `counts_from` gives it, labels without one never.
#[must_use]
pub fn combined(
    text: &str,
    patterns: Vec<Candidate>,
    tagged: Vec<Candidate>,
    counts_from: &BTreeMap<String, f32>,
) -> Vec<Entity> {
    let counts =
        |c: &Candidate| counts_from.get(c.label).is_some_and(|&confidence| c.confidence >= confidence);
    let is_free = |c: &Candidate| patterns.iter().all(|known| c.end <= known.start || known.end <= c.start);
    let added: Vec<_> = tagged.into_iter().filter(|c| counts(c) && is_free(c)).collect();
    distinct(text, settle([patterns, added].concat()))
}

/// Each (text, label) once, at its first place.
fn distinct(text: &str, settled: Vec<Candidate>) -> Vec<Entity> {
    let mut seen = HashSet::new();
    let mut found: Vec<_> =
        settled.into_iter().filter(|c| seen.insert((&text[c.start..c.end], c.label))).collect();
    found.sort_by_key(|candidate| candidate.start);
    in_characters(text, &found)
}

/// Byte positions to character positions, in one pass over the text.
fn in_characters(text: &str, found: &[Candidate]) -> Vec<Entity> {
    let (mut bytes, mut characters) = (0, 0);
    let to_entity = |candidate: &Candidate| {
        characters += text[bytes..candidate.start].chars().count();
        bytes = candidate.start;
        let own = &text[candidate.start..candidate.end];
        Entity {
            text: own.to_owned(),
            label: candidate.label.to_owned(),
            start: characters,
            end: characters + own.chars().count(),
            confidence: candidate.confidence,
        }
    };
    found.iter().map(to_entity).collect()
}

/// A constant pattern.
#[expect(clippy::expect_used, reason = "the patterns are constants and every test run compiles them all")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern compiles")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_names(text: &str, expected: &[(&str, &str)]) {
        let found = entities(text);
        let found: Vec<_> = found.iter().map(|e| (e.text.as_str(), e.label.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_are_found() {
        assert_names(
            "10.20.4.0/24 cannot reach 192.0.2.7 or 2001:db8::17, mail ops@example.org, see https://status.example.com/x.",
            &[
                ("10.20.4.0/24", "IP"),
                ("192.0.2.7", "IP"),
                ("2001:db8::17", "IP"),
                ("ops@example.org", "EMAIL"),
                ("https://status.example.com/x", "URL"),
            ],
        );
        assert_names("the client has a 169.254 address and firmware 1.2.3", &[]);
    }

    #[test]
    fn hosts_are_told_from_ordinary_words() {
        assert_names("srv-fs01 and WS-ACC-14 are down", &[("srv-fs01", "HOST"), ("WS-ACC-14", "HOST")]);
        assert_names("order INV-2231 for an X-ray unit, wi-fi is fine", &[]);
    }

    #[test]
    fn error_codes_are_found_without_the_word_error() {
        assert_names(
            "it says error 809 and 0x80094004",
            &[("809", "ERROR_CODE"), ("0x80094004", "ERROR_CODE")],
        );
        assert_names(
            "the pod is in CrashLoopBackOff, then ECONNREFUSED",
            &[("CrashLoopBackOff", "ERROR_CODE"), ("ECONNREFUSED", "ERROR_CODE")],
        );
    }

    #[test]
    fn a_date_and_its_time_are_one_span() {
        assert_names(
            "the audit is tomorrow at 9:30, the other on 3 March 2026",
            &[("tomorrow at 9:30", "DATETIME"), ("3 March 2026", "DATETIME")],
        );
        assert_names("it may march on for two weeks", &[]);
    }

    #[test]
    fn telephone_numbers_and_extensions_are_found() {
        assert_names("call +44 1632 960417 or ext. 4417", &[("+44 1632 960417", "PHONE"), ("4417", "PHONE")]);
    }

    #[test]
    fn people_are_found_by_title_context_and_signature() {
        assert_names(
            "Please ask Dr. Wolff or my colleague Astrid about it.",
            &[("Wolff", "PERSON"), ("Astrid", "PERSON")],
        );
        assert_names("The dock is dead.\n\nBest regards\nIngeborg Tamm", &[("Ingeborg Tamm", "PERSON")]);
    }

    #[test]
    fn products_places_and_organisations_are_found() {
        assert_names(
            "Outlook on Windows 11 in room 2.14 of Halvard Textiles GmbH in Lisbon",
            &[
                ("Outlook", "PRODUCT"),
                ("Windows 11", "PRODUCT"),
                ("room 2.14", "LOCATION"),
                ("Halvard Textiles GmbH", "ORG"),
                ("Lisbon", "LOCATION"),
            ],
        );
    }

    #[test]
    fn offsets_count_characters() {
        let text = "Grüße 👋 von srv-fs01";
        let found = entities(text);
        let own: String = text.chars().skip(found[0].start).take(found[0].end - found[0].start).collect();
        assert_eq!((own.as_str(), found.len()), ("srv-fs01", 1));
    }

    #[test]
    fn a_tag_counts_where_patterns_find_nothing_and_it_is_sure_enough() {
        let text = "srv-fs01 at Halvard is off";
        let found = |tagged: &[Candidate], label: &str| {
            let counts_from = BTreeMap::from([(label.to_owned(), 0.7)]);
            let found = combined(text, candidates(text), tagged.to_vec(), &counts_from);
            found.into_iter().map(|entity| entity.text).collect::<Vec<_>>()
        };
        let name = [Candidate::new(12..19, "ORG", 0.8)];
        assert_eq!(found(&name, "ORG"), ["srv-fs01", "Halvard"]);
        assert_eq!(found(&name, "PERSON"), ["srv-fs01"], "no confidence of its label is enough");
        assert_eq!(found(&[Candidate::new(12..19, "ORG", 0.6)], "ORG"), ["srv-fs01"], "not sure enough");
        assert_eq!(
            found(&[Candidate::new(4..19, "ORG", 0.9)], "ORG"),
            ["srv-fs01"],
            "overlaps what has a form"
        );
    }

    #[test]
    fn the_same_name_is_reported_once() {
        assert_eq!(entities("srv-fs01 is down. srv-fs01 was fine before.").len(), 1);
    }
}
