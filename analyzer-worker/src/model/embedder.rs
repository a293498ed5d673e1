//! Texts to embeddings, in packed batches of bounded size.

use std::{ops::Range, path::Path};

use tch::Tensor;

use super::{
    LoadError,
    adapters::Adapters,
    encoder::Weights,
    precision::{self, Encoder, Precision},
    tokenizer::{Pieces, Tokenizer, Tokens},
};
use crate::settings::PrecisionChoice;

/// Word pieces of one forward pass. Measured: fuller batches leave the caches and are slower again.
pub const TOKEN_BUDGET: usize = 1024;

/// Tokenizer and encoder.
pub struct Embedder {
    tokenizer: Tokenizer,
    encoder: Encoder,
}

impl Embedder {
    /// Loads both from the model's folder, puts what was learned on top of the encoder, and settles on a number
    /// format.
    pub fn load(model_dir: &Path, adapters: Adapters, choice: PrecisionChoice) -> Result<Self, LoadError> {
        let tokenizer = Tokenizer::load(model_dir)?;
        let weights = Weights::load(model_dir)?.adapted(adapters);
        let encoder = precision::choose(&weights, &tokenizer, choice)?;
        Ok(Self { tokenizer, encoder })
    }

    /// The number format it computes in.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.encoder.precision()
    }

    /// Cuts a text into word pieces.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Tokens {
        self.tokenizer.encode(text)
    }

    /// One embedding of length 1 per text, `[texts, dimension]`; of a long text, of its first window.
    pub fn embed(&self, texts: &[&str]) -> Tensor {
        let tokens: Vec<_> = texts.iter().map(|text| self.tokenize(text).ids).collect();
        let slices: Vec<_> = tokens.iter().map(Vec::as_slice).collect();
        let parts: Vec<_> = runs(&slices).map(|run| self.encoder.embed(run)).collect();
        if parts.is_empty() { self.encoder.embed(&[]) } else { Tensor::cat(&parts, 0) }
    }

    /// Reads texts whole, each piece in the context of its window: the pieces of each text and their last hidden
    /// states, `[pieces, dimension]` in f32.
    #[must_use]
    pub fn read(&self, texts: &[&str]) -> Vec<(Pieces, Tensor)> {
        let windows: Vec<_> = texts.iter().map(|text| self.tokenizer.windows(text)).collect();
        let slices: Vec<_> = windows.iter().flatten().map(|window| window.ids.as_slice()).collect();
        let states: Vec<_> = runs(&slices).map(|run| self.encoder.states(run)).collect();
        if states.is_empty() {
            return Vec::new();
        }
        let pieces: Vec<_> = windows.into_iter().map(Pieces::joined).collect();
        let lengths: Vec<_> = pieces.iter().map(|pieces| pieces.offsets.len() as i64).collect();
        pieces.into_iter().zip(Tensor::cat(&states, 0).split_with_sizes(&lengths, 0)).collect()
    }
}

/// The texts in portions of one forward pass each.
fn runs<'a>(texts: &'a [&'a [i64]]) -> impl Iterator<Item = &'a [&'a [i64]]> {
    let lengths: Vec<_> = texts.iter().map(|ids| ids.len()).collect();
    batches(&lengths, TOKEN_BUDGET).into_iter().map(|range| &texts[range])
}

/// Consecutive runs of texts that stay within the budget; a text over the budget is alone.
fn batches(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (index, &length) in lengths.iter().enumerate() {
        if index > start && sum + length > budget {
            runs.push(start..index);
            (start, sum) = (index, 0);
        }
        sum += length;
    }
    if start < lengths.len() {
        runs.push(start..lengths.len());
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn a_batch_never_exceeds_its_budget() {
        assert_eq!(batches(&[4, 4, 4, 9, 1], 10), [0..2, 2..3, 3..5]);
    }

    #[test]
    fn a_text_over_the_budget_is_alone() {
        assert_eq!(batches(&[1, 20, 1], 10), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(batches(&[], 10).is_empty());
    }
}
