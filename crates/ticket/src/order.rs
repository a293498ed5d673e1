//! What people may ask of a ticket, in clear text. Parsed once at the edge: whoever holds an [`Order`] holds one that
//! makes sense; whether the ticket allows it is for [`decide`](crate::decide()) to say.

use std::{fmt, ops::RangeInclusive};

use crate::{amendment::Amendment, submission::Violation};

/// What a text may hold, in characters (not bytes).
const TEXT_CHARS: RangeInclusive<usize> = 1..=2000;
const ASSIGNEE_CHARS: RangeInclusive<usize> = 1..=100;
const SCORES: RangeInclusive<u8> = 1..=5;

/// A request of a person. Its texts are personal data, and never reach the log like this.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Say something.
    Comment(Text),
    /// Let this agent or team take care of it.
    Assign(Assignee),
    /// It is solved like this.
    Resolve(Text),
    /// Work on it again, for this reason.
    Reopen(Text),
    /// Nobody has to work on it any more.
    Close,
    /// The requester agrees that it is solved.
    Confirm {
        /// How content the requester is.
        score: Score,
        /// SHA-256 of the signature, hexadecimal.
        signature: Option<String>,
    },
    /// The analyzer was wrong.
    Correct {
        /// What is right.
        to: Amendment,
        /// Why.
        reason: Text,
    },
}

/// What somebody wrote: 1 to 2000 characters, trimmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

/// The agent or team who takes care of a ticket: 1 to 100 characters, trimmed. Kept in clear, so it should be an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignee(String);

/// How content a requester is: 1 (not at all) to 5 (entirely).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score(u8);

impl Text {
    /// Checks what stands in `field`.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Violation> {
        let text = trimmed(field, text, &TEXT_CHARS)?;
        // Postgres text ends at a NUL.
        if text.contains('\0') {
            return Err(Violation { field, problem: "must not contain NUL characters".to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl Assignee {
    /// Checks what stands in `field`.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Violation> {
        let text = trimmed(field, text, &ASSIGNEE_CHARS)?;
        if text.contains(char::is_control) {
            return Err(Violation { field, problem: "must not contain control characters".to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl Score {
    /// Checks what stands in `field`.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(field: &'static str, score: u8) -> Result<Self, Violation> {
        if SCORES.contains(&score) {
            return Ok(Self(score));
        }
        Err(Violation { field, problem: format!("must be {} to {}", SCORES.start(), SCORES.end()) })
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

fn trimmed<'a>(
    field: &'static str,
    text: &'a str,
    allowed: &RangeInclusive<usize>,
) -> Result<&'a str, Violation> {
    let text = text.trim();
    let chars = text.chars().count();
    if allowed.contains(&chars) {
        return Ok(text);
    }
    let problem = format!("must have {} to {} characters, has {chars}", allowed.start(), allowed.end());
    Err(Violation { field, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_1_to_2000_characters_without_the_blanks_around_it() {
        assert_eq!(Text::parse("text", "  on it \n").unwrap().into_inner(), "on it");
        assert!(Text::parse("text", &"ü".repeat(2000)).is_ok());
        for wrong in ["", "  \n ", &"ü".repeat(2001), "nul\0nul"] {
            assert_eq!(Text::parse("reason", wrong).unwrap_err().field, "reason");
        }
    }

    #[test]
    fn an_assignee_is_one_short_line() {
        assert_eq!(Assignee::parse("assignee", " agent-7 ").unwrap().into_inner(), "agent-7");
        for wrong in ["", " ", "two\nlines", &"x".repeat(101)] {
            assert!(Assignee::parse("assignee", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_score_is_1_to_5() {
        let accepted: Vec<u8> = (0..=u8::MAX).filter(|&score| Score::parse("score", score).is_ok()).collect();
        assert_eq!(accepted, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_debug_print_shows_no_personal_data() {
        assert_eq!(format!("{:?}", Text::parse("text", "Ada").unwrap()), "Text(3 bytes)");
    }
}
