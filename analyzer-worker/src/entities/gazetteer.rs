//! Listed names of products, brands, places and people. A vendor is a product together with a model and an
//! organisation alone.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use regex::Regex;

use super::{candidate::Candidate, pattern};

const DATA: &str = include_str!("../../data/gazetteer.txt");

/// Most words of a listed name.
const LONGEST: usize = 5;

/// The lists of the data file: section name to entries.
static LISTS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut lists: HashMap<_, Vec<_>> = HashMap::new();
    let mut section = "";
    for line in DATA.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => section = name,
            None => lists.entry(section).or_default().extend(line.split(',').map(str::trim)),
        }
    }
    lists
});

/// Lower-case name to label and confidence.
static NAMES: LazyLock<HashMap<String, (&'static str, f32)>> = LazyLock::new(|| {
    let sections = [("PRODUCT", "PRODUCT", 0.9), ("BRAND", "ORG", 0.7), ("LOCATION", "LOCATION", 0.9)];
    let named = sections.iter().flat_map(|(section, label, confidence)| {
        list(section).iter().map(|name| (name.to_lowercase(), (*label, *confidence)))
    });
    named.collect()
});

static FIRST_NAMES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| list("FIRST NAME").iter().copied().collect());

/// A vendor and the model after it: at least one word of it has a digit.
static MODEL: LazyLock<Regex> = LazyLock::new(|| {
    let vendors = list("VENDOR").join("|");
    pattern(&format!(
        r"\b(?i:{vendors})(?: \p{{Lu}}[\p{{L}}-]*){{0,3}} (?:\p{{L}}[\p{{L}}-]*)?\d[\p{{L}}\d/-]*(?: (?:Gen ?\d+|Pro|Plus|Max|G\d+|Pro \d+|Blue))?"
    ))
});

/// A listed product and the version after it.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^ (?:v?\d{1,4}(?:\.\d+){0,3}|\d{2}H\d|Pro|Enterprise|LTSC|XP|Server \d{4})\b(?: Pro\b)?")
});

/// What makes a number after a product a count or a time instead of a version.
static NO_VERSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^ \d+(?::\d|\s*(?:times|users|people|licen|seats|hours|minutes|days|weeks|mb|gb|%|of\b|am\b|pm\b|colleagues|machines|sites))",
    )
});

/// The entries of a section of the data file.
pub(super) fn list(section: &str) -> &'static [&'static str] {
    LISTS.get(section).map_or(&[], Vec::as_slice)
}

/// Whether a word is a listed first name.
pub(super) fn is_first_name(word: &str) -> bool {
    FIRST_NAMES.contains(word)
}

/// Finds all listed names, longest first at each place.
pub(super) fn find(text: &str) -> Vec<Candidate> {
    let words: Vec<_> = words(text).collect();
    let mut found: Vec<_> =
        MODEL.find_iter(text).map(|own| Candidate::new(own.range(), "PRODUCT", 0.92)).collect();
    let mut index = 0;
    while index < words.len() {
        let longest = (1..=LONGEST.min(words.len() - index)).rev().find_map(|count| {
            let range = words[index].start..words[index + count - 1].end;
            listed(text, range).map(|candidate| (candidate, count))
        });
        index += longest.as_ref().map_or(1, |(_, count)| *count);
        found.extend(longest.map(|(candidate, _)| candidate));
    }
    found
}

fn listed(text: &str, range: std::ops::Range<usize>) -> Option<Candidate> {
    let own = &text[range.clone()];
    let &(label, confidence) = NAMES.get(&own.to_lowercase())?;
    // Many product names are ordinary words: in lower case only the ones that cannot be mistaken count.
    let is_capital = own.chars().any(char::is_uppercase);
    if !is_capital && (own.len() < 5 || label != "PRODUCT" || is_ordinary(own)) {
        return None;
    }
    let mut range = range;
    if label == "PRODUCT" && !NO_VERSION.is_match(&text[range.end..]) {
        range.end += VERSION.find(&text[range.end..]).map_or(0, |version| version.end());
    }
    Some(Candidate::new(range, label, confidence))
}

fn is_ordinary(word: &str) -> bool {
    list("ORDINARY").contains(&word)
}

/// Words with the dots, dashes and signs that belong to names.
fn words(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\d]+(?:[.&+'’-][\p{L}\d]+)*"));
    WORD.find_iter(text).map(|word| word.range())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_listed_name_is_longer_than_what_is_looked_for() {
        for name in NAMES.keys() {
            assert!(words(name).count() <= LONGEST, "{name}");
        }
    }

    #[test]
    fn every_section_has_entries() {
        for section in [
            "PRODUCT",
            "VENDOR",
            "BRAND",
            "LOCATION",
            "FIRST NAME",
            "ORDINARY",
            "TITLE",
            "BEFORE PERSON",
            "ORGANISATION ENDS IN",
            "ORGANISATION STARTS WITH",
            "NO NAME",
        ] {
            assert!(!list(section).is_empty(), "{section}");
        }
    }

    #[test]
    fn an_ordinary_word_in_lower_case_is_no_product() {
        assert!(find("the teams pick a word from the edge of the access list").is_empty());
    }

    #[test]
    fn a_version_belongs_to_the_product_and_a_count_does_not() {
        let text = "Windows 11 and Zoom 40 users";
        let found: Vec<_> = find(text).iter().map(|c| &text[c.start..c.end]).collect();
        assert_eq!(found, ["Windows 11", "Zoom"]);
    }
}
