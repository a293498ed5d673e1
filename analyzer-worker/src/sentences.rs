//! Text to sentences, as people type them into forms: with lists, pasted logs, greetings and signatures.

use std::sync::LazyLock;

use regex::Regex;

/// A sentence boundary: an end mark with what closes it, or a line end.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant and a test compiles it")]
static BOUNDARY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"[.!?…]+["')\]]*\s+|\n+"#).unwrap());

/// A greeting at the start of a sentence, with what follows it on the way to the matter.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant and a test compiles it")]
static GREETING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings|to whom it may concern|hallo|guten (?:tag|morgen)|bonjour|hola|moin)\b(?:[ ,]+(?:all|team|there|everyone|everybody|colleagues|support|folks|it|service|desk|help|helpdesk|sir|madam|or|ladies|and|gentlemen|mr|mrs|ms|you|guys|people))*(?:[ ]\p{Lu}[\p{L}.-]+){0,2}\s*[,!.:;–-]*\s*",
    )
    .unwrap()
});

/// A closing formula, which says nothing about the matter.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant and a test compiles it")]
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^(?:(?:many |kind |best |warm )?(?:thanks|thank you|regards|wishes|greetings)(?: in advance| a lot| so much| and (?:kind |best )?regards)?|thx|cheers|yours? (?:sincerely|faithfully)|sincerely|mfg|sent from my .*|best|br|vg|lg)[ ,.!]*$",
    )
    .unwrap()
});

/// Words that end in a full stop without ending a sentence.
const ABBREVIATIONS: [&str; 16] = [
    "dr", "mr", "mrs", "ms", "prof", "st", "no", "nr", "e.g", "i.e", "approx", "ca", "etc", "ext", "tel",
    "vs",
];

/// The sentences of a text, trimmed, in order. Greetings are cut off, closing formulas left out.
#[must_use]
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for boundary in BOUNDARY.find_iter(text) {
        if ends_sentence(&text[start..boundary.end()]) {
            found.push(&text[start..boundary.end()]);
            start = boundary.end();
        }
    }
    found.push(&text[start..]);
    found.into_iter().map(without_greeting).filter(|s| says_something(s)).collect()
}

/// The text after its greeting.
#[must_use]
pub fn without_greeting(text: &str) -> &str {
    let text = text.trim();
    GREETING.find(text).map_or(text, |greeting| text[greeting.end()..].trim_start())
}

fn ends_sentence(piece: &str) -> bool {
    if piece.ends_with('\n') {
        return true;
    }
    let last = piece.trim_end().trim_end_matches('.').rsplit(|c: char| c.is_whitespace() || c == '(').next();
    let last = last.unwrap_or_default().to_lowercase();
    let is_numbering = last.len() <= 2 && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let is_initial = last.chars().count() == 1 && piece.trim_end().ends_with('.');
    !(is_numbering || is_initial || ABBREVIATIONS.contains(&last.as_str()))
}

fn says_something(sentence: &str) -> bool {
    sentence.chars().any(char::is_alphanumeric) && !CLOSING.is_match(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_and_closings_are_no_sentences() {
        let text = "Hi team,\nthe printer in room 2.14 jams. It did so yesterday!\n\nKind regards,\n";
        assert_eq!(sentences(text), ["the printer in room 2.14 jams.", "It did so yesterday!"]);
    }

    #[test]
    fn an_abbreviation_does_not_end_a_sentence() {
        assert_eq!(
            sentences("Please ask Dr. Wolff, e.g. by phone. Thanks!"),
            ["Please ask Dr. Wolff, e.g. by phone."]
        );
    }

    #[test]
    fn a_greeting_on_the_same_line_is_cut_off() {
        assert_eq!(sentences("Hello there, my dock is dead"), ["my dock is dead"]);
        assert_eq!(sentences("Dear Ms Okafor, the dock is dead"), ["the dock is dead"]);
    }

    #[test]
    fn a_text_of_marks_has_no_sentences() {
        assert!(sentences("!!! … ???").is_empty());
        assert!(sentences("").is_empty());
    }
}
