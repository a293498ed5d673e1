//! The `q` of a list: `vpn drops`, `"drops every ten minutes"`, `srv-*`, `-printer`. All terms must hold.

use serde::Deserialize;

use super::parameter::inline_schema;
use crate::queries::page::Terms;

/// Characters at most.
const LENGTH: usize = 200;
/// Terms at most.
const TERMS: usize = 16;

/// Full text: words in any of their forms, `"a phrase"` word by word, `begin*` for what begins so, `-` before a term to
/// leave out what holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Question(pub Terms);

inline_schema!(Question, { "type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^\x00]*$" });

/// The text is no question.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoQuestion {
    /// Too long, or nothing.
    #[error("q has 1 to {LENGTH} characters")]
    Length,
    /// Too much.
    #[error("q has {TERMS} terms at most")]
    Terms,
    /// Nothing in the database holds it.
    #[error("q must not contain NUL characters")]
    Nul,
}

impl TryFrom<String> for Question {
    type Error = NoQuestion;

    fn try_from(text: String) -> Result<Self, NoQuestion> {
        if !(1..=LENGTH).contains(&text.chars().count()) {
            return Err(NoQuestion::Length);
        }
        if text.contains('\0') {
            return Err(NoQuestion::Nul);
        }
        let terms = terms(&text);
        if terms.terms.len() > TERMS { Err(NoQuestion::Terms) } else { Ok(Self(terms)) }
    }
}

fn terms(text: &str) -> Terms {
    let mut terms = Terms::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (without, begun) = match rest.strip_prefix('-') {
            Some(after) if !after.starts_with(char::is_whitespace) => ("-", after),
            _ => ("", rest),
        };
        let (kind, term, after) = first(begun);
        if !term.trim().is_empty() {
            terms.kinds.push(format!("{without}{kind}"));
            terms.terms.push(term.to_owned());
        }
        rest = after.trim_start();
    }
    terms
}

/// The first term, its kind, and what follows. A quotation mark that is never closed is closed by the end.
fn first(text: &str) -> (&'static str, &str, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let (phrase, after) = quoted.split_once('"').unwrap_or((quoted, ""));
        return ("phrase", phrase, after);
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    match word.strip_suffix('*') {
        Some(begin) => ("prefix", begin, after),
        None => ("word", word, after),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let Terms { kinds, terms } = terms(text);
        kinds.into_iter().zip(terms).collect()
    }

    fn term(kind: &str, text: &str) -> (String, String) {
        (kind.to_owned(), text.to_owned())
    }

    #[test]
    fn words_phrases_prefixes_and_what_is_left_out() {
        let expected = [
            term("word", "vpn"),
            term("phrase", "every ten"),
            term("prefix", "srv-"),
            term("-word", "printer"),
            term("-phrase", "by then"),
        ];
        assert_eq!(read(r#" vpn "every ten" srv-* -printer -"by then" "#), expected);
        assert_eq!(
            read(r#"a - b "never closed"#),
            [term("word", "a"), term("word", "-"), term("word", "b"), term("phrase", "never closed")]
        );
        assert_eq!(read("* \"\" "), []);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC{0,60}") {
            let Terms { kinds, terms } = terms(&text);
            prop_assert_eq!(kinds.len(), terms.len());
        }
    }
}
