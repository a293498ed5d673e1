//! Entities as tags of words: the first word of an entity says "begins", the others "goes on". The marks tell the
//! tagging layer what the encoder cannot see: how a word is written, and what the patterns take it for.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::{heads::rows, tokenizer::Pieces};
use crate::{entities::Candidate, labels::ENTITIES};

/// Number of tags: outside, and two per label.
pub const TAGS: i64 = 1 + 2 * ENTITIES.len() as i64;
/// Marks about how a word is written.
const SHAPES: usize = 8;
/// Number of marks: how a word is written, and what the patterns take it for.
pub const MARKS: i64 = (SHAPES + 2 * ENTITIES.len()) as i64;

/// The tag of a word that begins an entity with the label of this index; the one of a word that goes on with it
/// follows.
#[must_use]
pub const fn begins(label: usize) -> usize {
    1 + 2 * label
}

/// A word: its pieces, and its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The piece that speaks for it.
    pub piece: usize,
    /// Its bytes in the text.
    pub bytes: Range<usize>,
}

/// The words of a text, in order.
#[must_use]
pub fn words(text: &str, pieces: &Pieces) -> Vec<Word> {
    let mut byte_of: Vec<_> = text.char_indices().map(|(byte, _)| byte).collect();
    byte_of.push(text.len());
    let mut words: Vec<Word> = Vec::new();
    for (piece, offset) in pieces.offsets.iter().enumerate() {
        let Some(offset) = offset.as_ref().filter(|offset| offset.start < offset.end) else { continue };
        let bytes = byte_of[offset.start]..byte_of[offset.end];
        match words.last_mut() {
            Some(word) if pieces.continues[piece] => word.bytes.end = bytes.end,
            _ => words.push(Word { piece, bytes }),
        }
    }
    words
}

/// Which entity each word belongs to, and whether it begins it.
#[must_use]
pub fn covering(words: &[Word], entities: &[(Range<usize>, usize)]) -> Vec<Option<usize>> {
    let mut tags = vec![None; words.len()];
    for (bytes, label) in entities {
        let inside = words
            .iter()
            .enumerate()
            .filter(|(_, w)| bytes.start <= w.bytes.start && w.bytes.end <= bytes.end);
        for (position, (index, _)) in inside.enumerate() {
            tags[index] = Some(begins(*label) + usize::from(position > 0));
        }
    }
    tags
}

/// The marks of each piece, `[pieces, MARKS]`; only pieces that speak for a word have any.
pub fn marks(text: &str, pieces: &Pieces, words: &[Word], candidates: &[Candidate]) -> Tensor {
    let spans: Vec<_> =
        candidates.iter().filter_map(|c| Some((c.start..c.end, label_index(c.label)?))).collect();
    let covered = covering(words, &spans);
    let width = MARKS as usize;
    let mut values = vec![0f32; pieces.offsets.len() * width];
    for (index, word) in words.iter().enumerate() {
        let row = &mut values[word.piece * width..(word.piece + 1) * width];
        row[..SHAPES].copy_from_slice(&shape(text, word));
        if let Some(tag) = covered[index] {
            row[SHAPES + tag - 1] = 1.0;
        }
    }
    Tensor::from_slice(&values).view([pieces.offsets.len() as i64, MARKS])
}

/// The position of an entity's label.
#[must_use]
pub fn label_index(label: &str) -> Option<usize> {
    ENTITIES.iter().position(|&known| known == label)
}

fn shape(text: &str, word: &Word) -> [f32; SHAPES] {
    let own = &text[word.bytes.clone()];
    let letters: Vec<_> = own.chars().filter(|c| c.is_alphabetic()).collect();
    let is_capital = own.chars().next().is_some_and(char::is_uppercase);
    let all_capital = letters.len() > 1 && letters.iter().all(|c| c.is_uppercase());
    let later_capital = !all_capital && letters.iter().skip(1).any(|c| c.is_uppercase());
    let before = text[..word.bytes.start].trim_end_matches([' ', '"', '\'', '(']);
    let starts_line = before.is_empty() || before.ends_with('\n');
    let starts_sentence = starts_line || before.ends_with(['.', '!', '?', ':']);
    let ends_line = text[word.bytes.end..].trim_start_matches([',', '.']).starts_with('\n')
        || text.len() == word.bytes.end;
    [
        is_capital,
        all_capital,
        later_capital,
        own.contains(|c: char| c.is_ascii_digit()),
        letters.is_empty(),
        starts_sentence,
        starts_line,
        ends_line,
    ]
    .map(f32::from)
}

/// The entities that the tags of a text make, given the logits of its pieces.
#[must_use]
pub fn decode(words: &[Word], logits: &Tensor) -> Vec<Candidate> {
    let probabilities = rows(&logits.softmax(-1, Kind::Float));
    let mut found: Vec<Candidate> = Vec::new();
    let mut open = None;
    for word in words {
        let of = &probabilities[word.piece];
        let mass = |label: usize| of[begins(label)] + of[begins(label) + 1];
        let best = (0..ENTITIES.len()).max_by(|&a, &b| mass(a).total_cmp(&mass(b)));
        let Some(label) = best.filter(|&label| mass(label) > of[0]) else {
            open = None;
            continue;
        };
        let goes_on = open == Some(label) && of[begins(label) + 1] > of[begins(label)];
        match found.last_mut().filter(|_| goes_on) {
            Some(entity) => {
                entity.end = word.bytes.end;
                entity.confidence = entity.confidence.min(mass(label));
            }
            None => found.push(Candidate::new(word.bytes.clone(), ENTITIES[label], mass(label))),
        }
        open = Some(label);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_words() -> Vec<Word> {
        vec![Word { piece: 1, bytes: 0..3 }, Word { piece: 2, bytes: 4..9 }]
    }

    fn logits(tags: [usize; 2]) -> Tensor {
        let mut values = vec![0f32; 4 * TAGS as usize];
        for (row, tag) in tags.into_iter().enumerate() {
            values[(row + 1) * TAGS as usize + tag] = 9.0;
        }
        Tensor::from_slice(&values).view([4, TAGS])
    }

    #[test]
    fn words_that_go_on_are_one_entity_and_words_that_begin_are_two() {
        let spans =
            |tags| decode(&two_words(), &logits(tags)).iter().map(|c| (c.start, c.end)).collect::<Vec<_>>();
        assert_eq!(spans([begins(0), begins(0) + 1]), [(0, 9)]);
        assert_eq!(spans([begins(0), begins(0)]), [(0, 3), (4, 9)]);
        assert_eq!(spans([0, begins(0) + 1]), [(4, 9)]);
        assert_eq!(spans([begins(0), begins(1) + 1]), [(0, 3), (4, 9)]);
    }

    #[test]
    fn tags_of_entities_decode_to_the_same_entities() {
        let tags = covering(&two_words(), &[(0..9, 3)]);
        assert_eq!(tags, [Some(begins(3)), Some(begins(3) + 1)]);
    }
}
