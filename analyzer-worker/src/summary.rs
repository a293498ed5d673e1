//! One sentence that says what a ticket is about: taken from the ticket, never made up.

use crate::sentences::{sentences, without_greeting};

/// The longest summary, in characters.
pub const MAX_CHARACTERS: usize = 140;

/// The summary of a text whose most central sentence is `central`; the first sentence stands in for none.
#[must_use]
pub fn summary(text: &str, central: Option<&str>) -> String {
    let first = sentences(text).into_iter().next();
    let chosen = central.or(first).unwrap_or_else(|| without_greeting(text));
    let words = chosen.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(words.trim_start_matches(['-', '*', '•', '>', ' ']))
}

/// The text, or as many whole words of it as fit with an ellipsis.
fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_CHARACTERS {
        return text.to_owned();
    }
    let end = text.char_indices().nth(MAX_CHARACTERS - 1).map_or(text.len(), |(index, _)| index);
    let cut = match text[..end].rfind(' ') {
        _ if text[end..].starts_with(' ') => &text[..end],
        Some(space) => &text[..space],
        None => &text[..end],
    };
    format!("{}…", cut.trim_end_matches([' ', ',', ';', ':', '-', '–', '(']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_never_longer_than_allowed() {
        for text in ["word ".repeat(100), "x".repeat(500), "ü".repeat(141), "a, ".repeat(90)] {
            let summary = summary(&text, None);
            assert!(summary.chars().count() <= MAX_CHARACTERS, "{summary}");
            assert!(summary.ends_with('…'), "{summary}");
        }
    }

    #[test]
    fn a_short_sentence_stays_whole() {
        assert_eq!(summary("Hi team, the printer jams.", None), "the printer jams.");
    }

    #[test]
    fn a_long_sentence_is_cut_between_words() {
        let text = format!("{} {}", "a".repeat(135), "b".repeat(20));
        assert_eq!(summary(&text, None), format!("{}…", "a".repeat(135)));
    }

    #[test]
    fn the_central_sentence_is_preferred() {
        assert_eq!(
            summary("I sit in room 4. The dock is dead.", Some("The dock is dead.")),
            "The dock is dead."
        );
    }
}
