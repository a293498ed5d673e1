//! What the questions' layers see of a ticket beside its text's states: what the form says, how the text is
//! typed, and which cues it gives.

use tch::Tensor;

use super::cues::{cues, number_of_cues};
use crate::labels::CATEGORIES;

/// Columns of the form's features, the first ones. Training hides them at times, since the form may be wrong.
pub const FORM: i64 = CATEGORIES.len() as i64;

/// Number of features.
#[must_use]
pub fn width() -> i64 {
    FORM + 5 + number_of_cues() as i64
}

/// The features of each ticket, `[tickets, features]`; `tickets` holds the description and the request type of
/// each.
pub fn features(tickets: &[(&str, &str)]) -> Tensor {
    let row = |&(text, request_type): &(&str, &str)| {
        let cues = cues(text).into_iter().map(f32::from);
        form(request_type).into_iter().chain(style(text)).chain(cues).collect::<Vec<_>>()
    };
    let values: Vec<f32> = tickets.iter().flat_map(row).collect();
    Tensor::from_slice(&values).view([tickets.len() as i64, width()])
}

fn form(request_type: &str) -> Vec<f32> {
    CATEGORIES.map(|name| f32::from(name == request_type)).to_vec()
}

/// How a text is typed, each cue 0 to 1. The encoder reads lower case and hardly sees any of it.
fn style(text: &str) -> [f32; 5] {
    let is_question = text.contains('?');
    let ends_in_question = text.trim_end().ends_with('?');
    let exclamations = text.matches('!').count().min(3) as f32 / 3.0;
    let words: Vec<_> =
        text.split_whitespace().filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() > 3).collect();
    let is_loud =
        |word: &&&str| !word.chars().any(char::is_lowercase) && !word.contains(|c: char| c.is_ascii_digit());
    let loud = words.iter().filter(is_loud).count() as f32 / words.len().max(1) as f32;
    let length = text.chars().count().min(1000) as f32 / 1000.0;
    [f32::from(is_question), f32::from(ends_in_question), exclamations, (loud * 5.0).min(1.0), length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_request_type_says_nothing() {
        assert!(form("Plumbing").iter().all(|&value| value == 0.0));
    }

    #[test]
    fn every_cue_stays_between_zero_and_one() {
        for text in ["", "WHY??? NOTHING WORKS!!!!!!", "fine", &"long ".repeat(900)] {
            assert!(style(text).iter().all(|cue| (0.0..=1.0).contains(cue)), "{text:.20}");
        }
    }

    #[test]
    fn the_features_of_a_ticket_are_as_wide_as_said() {
        assert_eq!(features(&[("a", "Network"), ("b", "")]).size(), [2, width()]);
    }
}
