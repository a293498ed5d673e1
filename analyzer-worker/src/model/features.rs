//! What the heads see of a ticket, in five groups: its embedding, how close it comes to telling statements, what
//! the form says, how it is typed, and which cues it gives.

use tch::{Kind, Tensor};

use super::{anchors::closeness, cues::cues, reading::Reading};
use crate::labels::CATEGORIES;

/// Number of groups.
pub const GROUPS: usize = 5;

/// The features of tickets, group after group.
pub struct Features {
    /// `[tickets, features]`
    pub all: Tensor,
    /// Width of each group.
    pub widths: [i64; GROUPS],
}

impl Features {
    /// The tickets of several readings, one below the other.
    #[must_use]
    pub fn stack(parts: &[Self]) -> Self {
        let all: Vec<_> = parts.iter().map(|part| &part.all).collect();
        Self { all: Tensor::cat(&all, 0), widths: parts.first().map_or([0; GROUPS], |part| part.widths) }
    }
}

/// The features of each ticket of a reading; `tickets` holds the description and the request type of each.
#[must_use]
pub fn features(reading: &Reading<'_>, anchors: &Tensor, tickets: &[(&str, &str)]) -> Features {
    let groups = [
        reading.tickets.shallow_clone(),
        closeness(anchors, &reading.sentence_embeddings, &reading.counts()),
        matrix(tickets, |_, request_type| form(request_type)),
        matrix(tickets, |text, _| style(text).to_vec()),
        matrix(tickets, |text, _| cues(text).into_iter().map(f32::from).collect()),
    ];
    let widths = groups.each_ref().map(|group| group.size()[1]);
    Features { all: Tensor::cat(&groups, 1).to_kind(Kind::Float), widths }
}

fn matrix(tickets: &[(&str, &str)], row: impl Fn(&str, &str) -> Vec<f32>) -> Tensor {
    let values: Vec<f32> = tickets.iter().flat_map(|(text, request_type)| row(text, request_type)).collect();
    Tensor::from_slice(&values).view([tickets.len() as i64, -1])
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
    use super::{form, style};

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
}
