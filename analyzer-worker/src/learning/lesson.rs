//! Labelled tickets in the form the model learns from: computed once, however many rounds follow.

use std::{collections::HashSet, ops::Range};

use tch::Tensor;

use super::{
    dataset::{Example, LabelledSpan},
    progress::progress,
};
use crate::{
    entities::{Candidate, candidates},
    labels::Question,
    model::{
        encoder::Encoder,
        features::features,
        passages::Passages,
        reading::embeddings,
        tags::{Word, covering, label_index, marks, words},
        tokenizer::{Pieces, Tokenizer},
    },
};

/// The first layers of the encoder do not learn: what they make of a text is computed once. They know words; what
/// words mean for a ticket is decided above them.
pub const FIXED_LAYERS: usize = 1;

/// What a loss leaves out.
pub const NO_ANSWER: i64 = -100;

/// One ticket to learn from.
pub struct Item<'e> {
    /// The ticket.
    pub example: &'e Example,
    /// Its word pieces.
    pub pieces: Pieces,
    /// Its words.
    pub words: Vec<Word>,
    /// What the patterns find in it.
    pub candidates: Vec<Candidate>,
    /// Its features, `[1, features]`.
    pub features: Tensor,
    /// The right label of each question, by index.
    pub answers: [i64; Question::ALL.len()],
    /// The marks of its pieces.
    pub marks: Tensor,
    /// The right tag of each piece.
    pub tags: Tensor,
    /// Its sentences.
    pub passages: Passages<'e>,
    /// The sentence that says most of what its summary says, `[1]`; none where there is nothing to choose.
    pub quoted: Option<Tensor>,
    /// The states of each window's pieces after the layers that do not learn.
    pub lower: Vec<Tensor>,
    /// Its embedding before anything was learned, `[dimension]`.
    pub before: Tensor,
}

/// Prepares tickets.
pub fn prepare<'e>(
    examples: &'e [Example],
    tokenizer: &Tokenizer,
    encoder: &Encoder,
) -> anyhow::Result<Vec<Item<'e>>> {
    let bar = progress("reading", examples.len());
    let items = examples.iter().map(|example| {
        bar.inc(1);
        Item::new(example, tokenizer, encoder)
    });
    let items = items.collect();
    bar.finish_and_clear();
    items
}

/// The last hidden states of all windows, one after the other, from those that do not change.
pub(super) fn states(encoder: &Encoder, lower: &[Tensor]) -> Tensor {
    Tensor::cat(&encoder.upper(lower, FIXED_LAYERS), 0)
}

impl<'e> Item<'e> {
    /// The last hidden states of its pieces, by an encoder whose first layers are those it was prepared with.
    pub fn states(&self, encoder: &Encoder) -> Tensor {
        states(encoder, &self.lower)
    }

    fn new(example: &'e Example, tokenizer: &Tokenizer, encoder: &Encoder) -> anyhow::Result<Self> {
        let text = example.description.as_str();
        let windows = tokenizer.windows(text);
        let lower: Vec<_> = windows.iter().map(|window| encoder.lower(&window.ids, FIXED_LAYERS)).collect();
        let states = states(encoder, &lower);
        let pieces = Pieces::joined(windows);
        let words = words(text, &pieces);
        let candidates = candidates(text);
        let passages = Passages::new(text, &pieces);
        let mut answers = [0; Question::ALL.len()];
        for (answer, question) in answers.iter_mut().zip(Question::ALL) {
            *answer = example.answer(question)? as i64;
        }
        Ok(Self {
            features: features(&[(text, &example.request_type)]),
            answers,
            marks: marks(text, &pieces, &words, &candidates),
            tags: tags(text, &example.entities, &pieces, &words),
            quoted: quoted(&passages, &example.summary).map(|index| Tensor::from_slice(&[index as i64])),
            before: embeddings(std::slice::from_ref(&pieces), &[states]).squeeze_dim(0),
            lower,
            example,
            pieces,
            words,
            candidates,
            passages,
        })
    }
}

/// The right tag of each piece that speaks for a word.
fn tags(text: &str, entities: &[LabelledSpan], pieces: &Pieces, words: &[Word]) -> Tensor {
    let mut by_length: Vec<_> = entities.iter().collect();
    // The longest last, so that a name within a longer one does not break it up.
    by_length.sort_by_key(|entity| entity.text.len());
    let places = by_length.into_iter().flat_map(|entity| {
        let label = label_index(&entity.label);
        occurrences(text, &entity.text).filter_map(move |place| Some((place, label?)))
    });
    let covered = covering(words, &places.collect::<Vec<_>>());
    let mut tags = vec![NO_ANSWER; pieces.offsets.len()];
    for (word, tag) in words.iter().zip(covered) {
        tags[word.piece] = tag.unwrap_or(0) as i64;
    }
    Tensor::from_slice(&tags)
}

/// Where a name stands as whole words.
fn occurrences<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(name).map(|(start, own)| start..start + own.len()).filter(move |place| {
        is_edge(text[..place.start].chars().next_back()) && is_edge(text[place.end..].chars().next())
    })
}

/// The sentence that shares most words with the summary a person wrote.
fn quoted(passages: &Passages<'_>, summary: &str) -> Option<usize> {
    if passages.sentences.len() < 2 {
        return None;
    }
    let wanted = content(summary);
    let overlap = |sentence: &str| {
        let own = content(sentence);
        2.0 * own.intersection(&wanted).count() as f64 / (own.len() + wanted.len()).max(1) as f64
    };
    let scored = passages.sentences.iter().map(|sentence| overlap(sentence)).enumerate();
    let (best, score) = scored.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    (score > 0.0).then_some(best)
}

fn content(text: &str) -> HashSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2);
    // The first letters stand for all forms of a word.
    words.map(|word| word.to_lowercase().chars().take(6).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_occurs_as_whole_words_only() {
        let found: Vec<_> = occurrences("809 and 4809, then (809).", "809").collect();
        assert_eq!(found, [0..3, 20..23]);
    }
}
