//! The sentences of a text as runs of its word pieces, so that a sentence's meaning is read off the states of the
//! whole text and costs no pass of its own.

use tch::Tensor;

use super::tokenizer::Pieces;
use crate::sentences::sentences;

/// Sentences read of one ticket; a pasted log has more lines than it has things to say.
const MAX_SENTENCES: usize = 32;

/// Number of figures about a sentence's place.
pub const PLACES: i64 = 4;

/// The sentences of a text that the encoder has read.
pub struct Passages<'t> {
    /// Their texts, in order.
    pub sentences: Vec<&'t str>,
    /// First piece of each and the one after its last.
    pieces: Vec<(usize, usize)>,
    length: usize,
}

impl<'t> Passages<'t> {
    /// Finds the sentences of a text among its pieces.
    #[must_use]
    pub fn new(text: &'t str, pieces: &Pieces) -> Self {
        let (mut bytes, mut characters) = (0, 0);
        let (mut found, mut ranges) = (Vec::new(), Vec::new());
        for sentence in sentences(text).into_iter().take(MAX_SENTENCES) {
            let start = sentence.as_ptr() as usize - text.as_ptr() as usize;
            characters += text[bytes..start].chars().count();
            let end = characters + sentence.chars().count();
            if let Some(range) = pieces_within(pieces, characters, end) {
                found.push(sentence);
                ranges.push(range);
            }
            (bytes, characters) = (start + sentence.len(), end);
        }
        Self { sentences: found, pieces: ranges, length: pieces.offsets.len() }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    /// The mean state of each sentence, `[sentences, dimension]`.
    pub fn means(&self, states: &Tensor) -> Tensor {
        let mut shares = vec![0f32; self.pieces.len() * self.length];
        for (row, &(first, end)) in self.pieces.iter().enumerate() {
            shares[row * self.length + first..row * self.length + end].fill(1.0 / (end - first) as f32);
        }
        Tensor::from_slice(&shares).view([self.pieces.len() as i64, self.length as i64]).matmul(states)
    }

    /// What is known of each sentence's place, `[sentences, PLACES]`.
    pub fn places(&self) -> Tensor {
        let count = self.sentences.len();
        let row = |(index, sentence): (usize, &&str)| {
            let length = sentence.chars().count();
            let first = f32::from(index == 0);
            let position = index as f32 / count.max(1) as f32;
            [first, position, f32::from(length > 140), length.min(280) as f32 / 140.0]
        };
        let values: Vec<f32> = self.sentences.iter().enumerate().flat_map(row).collect();
        Tensor::from_slice(&values).view([count as i64, PLACES])
    }
}

fn pieces_within(pieces: &Pieces, start: usize, end: usize) -> Option<(usize, usize)> {
    let is_within = |offset: &Option<std::ops::Range<usize>>| {
        offset.as_ref().is_some_and(|offset| offset.start >= start && offset.end <= end)
    };
    let first = pieces.offsets.iter().position(is_within)?;
    let last = pieces.offsets.iter().rposition(is_within)?;
    Some((first, last + 1))
}
