//! People and organisations by the words around them.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    candidate::Candidate,
    gazetteer::{is_first_name, list},
    pattern,
};

/// A capitalised word of a name, or an initial.
const NAME: &str = r"(?:\p{Lu}[\p{Ll}’'-]+(?:\p{Lu}\p{Ll}+)?(?:-\p{Lu}\p{Ll}+)?|\p{Lu}\.)";
const PARTICLE: &str = r"(?:(?:van|von|de|der|den|di|da|el|al|du|la|le|bin|dos) ){0,2}";

/// What stands before a name, and how sure it makes the name; 0 where the name has to be a listed one.
static BEFORE_PERSON: LazyLock<Vec<(Regex, f32)>> = LazyLock::new(|| {
    let full = format!(r"{NAME}(?: {PARTICLE}{NAME}){{0,2}}");
    let titles = any_of("TITLE");
    let context = any_of("BEFORE PERSON");
    vec![
        (pattern(&format!(r"\b{titles}\.? (?:Dr\.? )?({full})")), 0.95),
        (pattern(&format!(r"\b(?i:{context})[:,]? ({full})")), 0.0),
    ]
});

/// "Ada Lovelace" or "A. Lovelace" wherever it stands, if the first part is a listed name or an initial.
static FULL_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"({NAME})((?: {PARTICLE}{NAME}){{0,2}})")));

static ORGANISATIONS: LazyLock<Vec<(Regex, f32)>> = LazyLock::new(|| {
    let word = r"\p{Lu}[\p{L}’'-]*";
    let (last, first) = (any_of("ORGANISATION ENDS IN"), any_of("ORGANISATION STARTS WITH"));
    vec![
        (pattern(&format!(r"\b(?:{word} (?:(?:&|\+|and|de) )?){{1,4}}{last}(?: {last})?")), 0.82),
        (pattern(&format!(r"\b{word} (?:&|\+) (?:Sons|Co|Partners?|{word})(?: {word}){{0,2}}")), 0.85),
        (pattern(&format!(r"\b{first} (?:of |[Zz]um |De |Zur )?(?:{word})(?: {word}){{0,2}}")), 0.82),
    ]
});

static ENDS_AS_ORGANISATION: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r" {}$", any_of("ORGANISATION ENDS IN"))));

/// A pattern for any of the words of a list, whole.
fn any_of(section: &str) -> String {
    let words = list(section).iter().map(|word| regex::escape(word));
    let words = words.map(|word| if word.ends_with('.') { word } else { format!(r"{word}\b") });
    format!("(?:{})", words.collect::<Vec<_>>().join("|"))
}

/// A line of a signature: a name alone, or a name and a title.
static SIGNATURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"^\s*(?:[-–—]+ ?)?({NAME}(?: {PARTICLE}{NAME}){{0,2}})(?:\s*[,|(/–-].*|\.)?\s*$"))
});

static SIGN_OFF: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(?:(?:many |kind |best |warm |with )*(?:thanks|thank you|thx|regards|wishes|greetings|cheers|sincerely|faithfully|br|mfg|vg|lg|grüße|gruß)\b.*|--+)\s*$",
    )
});

/// A capitalised word that starts sentences and is no name.
fn is_no_name(word: &str) -> bool {
    list("NO NAME").contains(&word)
}

/// Finds them all.
pub(super) fn find(text: &str) -> Vec<Candidate> {
    let mut found: Vec<_> = organisations(text).collect();
    found.extend(people_in_context(text));
    found.extend(full_names(text));
    found.extend(signatures(text));
    found
}

fn organisations(text: &str) -> impl Iterator<Item = Candidate> {
    ORGANISATIONS.iter().flat_map(move |(pattern, confidence)| {
        pattern.find_iter(text).filter_map(move |own| without_opening(text, own.range(), "ORG", *confidence))
    })
}

/// Cuts off words that are capitalised because the sentence starts with them.
fn without_opening(
    text: &str,
    range: std::ops::Range<usize>,
    label: &'static str,
    confidence: f32,
) -> Option<Candidate> {
    let mut start = range.start;
    while let Some((first, rest)) = text[start..range.end].split_once(' ') {
        if !is_no_name(first) {
            break;
        }
        start = range.end - rest.len();
    }
    let has_several_words = text[start..range.end].contains(' ');
    has_several_words.then(|| Candidate::new(start..range.end, label, confidence))
}

fn people_in_context(text: &str) -> impl Iterator<Item = Candidate> {
    BEFORE_PERSON.iter().flat_map(move |(pattern, confidence)| {
        let names = pattern.captures_iter(text).filter_map(|captures| captures.get(1));
        names.filter_map(move |own| person(text, own.range(), *confidence))
    })
}

/// A name after a title is one; after another word its first part has to be a listed first name.
fn person(text: &str, range: std::ops::Range<usize>, confidence: f32) -> Option<Candidate> {
    let own = &text[range.clone()];
    let words: Vec<_> = own.split(' ').collect();
    if words.first().is_none_or(|first| is_no_name(first)) {
        return None;
    }
    let length = match words.iter().position(|word| is_no_name(word)) {
        Some(index) => words[..index].join(" ").len(),
        None => own.len(),
    };
    let is_initial_alone = own[..length].chars().count() <= 2;
    let is_sure = confidence > 0.0 || is_first_name(words[0]);
    (is_sure && !is_initial_alone && !ENDS_AS_ORGANISATION.is_match(&own[..length])).then(|| {
        let confidence = if confidence > 0.0 { confidence } else { 0.9 };
        Candidate::new(
            range.start..range.start + without_genitive(&own[..length]).len(),
            "PERSON",
            confidence,
        )
    })
}

fn full_names(text: &str) -> impl Iterator<Item = Candidate> {
    FULL_NAME.captures_iter(text).filter_map(move |captures| {
        let (first, whole) = (captures.get(1)?, captures.get(0)?);
        let has_surname = whole.end() > first.end();
        let given = without_genitive(first.as_str());
        let is_initial = given.ends_with('.') && given.chars().count() == 2;
        match (is_first_name(given) || is_first_name(first.as_str()), is_initial && has_surname) {
            (true, _) => person(text, whole.range(), if has_surname { 0.88 } else { 0.84 }),
            (false, true) if given != "I." => person(text, whole.range(), 0.75),
            _ => None,
        }
    })
}

fn without_genitive(name: &str) -> &str {
    name.strip_suffix("'s")
        .or_else(|| name.strip_suffix("’s"))
        .unwrap_or(name)
        .trim_end_matches(['\'', '’', '-'])
}

/// Names on the line after a closing formula, or on the last line.
fn signatures(text: &str) -> Vec<Candidate> {
    let mut after_sign_off = false;
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let name = SIGNATURE.captures(line).and_then(|captures| captures.get(1));
        let is_last = text[start + line.len()..].trim().is_empty() && start > 0;
        if let Some(name) = name.filter(|_| after_sign_off || is_last) {
            let range = start + name.start()..start + name.end();
            found.extend(person(text, range, if after_sign_off { 0.9 } else { 0.86 }));
        }
        after_sign_off = SIGN_OFF.is_match(line) || (after_sign_off && line.trim().is_empty());
        start += line.len();
    }
    found
}
