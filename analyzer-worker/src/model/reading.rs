//! Tickets read once. An embedding of each ticket and of each of its sentences comes from the same states: a sentence is
//! the mean of its own pieces as they stand in the ticket, so it costs no forward pass of its own and knows its context.

use std::ops::Range;

use tch::Tensor;

use super::{
    embedder::{Embedder, TextPieces},
    encoder::pool,
    heads::rows,
};
use crate::sentences::sentences;

/// Sentences read of one ticket; a pasted log has more lines than it has things to say.
const MAX_SENTENCES: usize = 32;

/// A batch of tickets, read.
pub struct Reading<'t> {
    /// `[tickets, dimension]`
    pub tickets: Tensor,
    /// The sentences of each ticket.
    pub sentences: Vec<Vec<&'t str>>,
    /// `[sentences of all tickets, dimension]`
    pub sentence_embeddings: Tensor,
    /// The state of each piece, one ticket below the other, `[pieces of all tickets, dimension]`.
    pub states: Tensor,
    /// Where the pieces of each ticket stand in it, one row of the states each.
    pub pieces: Vec<TextPieces>,
}

impl<'t> Reading<'t> {
    /// Reads texts; of a long one, what lies beyond its first window counts in its sentences and not in its embedding.
    #[must_use]
    pub fn new(embedder: &Embedder, texts: &[&'t str]) -> Self {
        let sentences: Vec<Vec<_>> =
            texts.iter().map(|text| sentences(text).into_iter().take(MAX_SENTENCES).collect()).collect();
        let read = embedder.read(texts);
        let (mut of_tickets, mut of_sentences) = (Vec::new(), Vec::new());
        let mut first_row = 0;
        for ((text, sentences), pieces) in texts.iter().zip(&sentences).zip(&read.texts) {
            let whole: Vec<_> = (first_row..first_row + pieces.first_window).collect();
            for span in spans(text, sentences) {
                let own = rows_within(&pieces.offsets, &span, first_row);
                // Beyond what is read, or nothing the vocabulary knows: then the ticket speaks for it.
                of_sentences.push(if own.is_empty() { whole.clone() } else { own });
            }
            of_tickets.push(whole);
            first_row += pieces.offsets.len();
        }
        let count = of_tickets.len() as i64;
        of_tickets.append(&mut of_sentences);
        let pooled = pool(&read.states, &of_tickets);
        Self {
            tickets: pooled.narrow(0, 0, count),
            sentence_embeddings: pooled.narrow(0, count, pooled.size()[0] - count),
            sentences,
            states: read.states,
            pieces: read.texts,
        }
    }

    /// Number of sentences of each ticket.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.sentences.iter().map(Vec::len).collect()
    }

    /// The sentence of each ticket that is closest to the whole ticket; none for a ticket without sentences.
    #[must_use]
    pub fn central_sentences(&self) -> Vec<Option<&'t str>> {
        let cosines = rows(&self.sentence_embeddings.matmul(&self.tickets.tr()));
        let mut start = 0;
        let of_ticket = self.sentences.iter().enumerate().map(|(ticket, sentences)| {
            let own = &cosines[start..start + sentences.len()];
            start += sentences.len();
            let best = own.iter().zip(sentences).max_by(|(a, _), (b, _)| a[ticket].total_cmp(&b[ticket]));
            best.map(|(_, &sentence)| sentence)
        });
        of_ticket.collect()
    }
}

/// Where the parts of a text, slices of it in their order, stand in it, in characters.
fn spans(text: &str, parts: &[&str]) -> Vec<Range<usize>> {
    let (mut bytes, mut characters) = (0, 0);
    let mut spans = Vec::with_capacity(parts.len());
    for part in parts {
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        characters += text[bytes..start].chars().count();
        let length = part.chars().count();
        spans.push(characters..characters + length);
        (bytes, characters) = (start + part.len(), characters + length);
    }
    spans
}

fn rows_within(offsets: &[Option<Range<usize>>], span: &Range<usize>, first_row: usize) -> Vec<usize> {
    let is_within = |piece: &Range<usize>| piece.start >= span.start && piece.start < span.end;
    let rows = (first_row..).zip(offsets);
    rows.filter(|(_, piece)| piece.as_ref().is_some_and(is_within)).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_characters_and_not_bytes() {
        let text = "Zürich: kaputt. Eilt sehr!";
        let parts = [&text[..16], &text[17..]];
        let found = spans(text, &parts);
        assert_eq!(found, [0..15, 16..26]);
        let characters: Vec<_> = text.chars().collect();
        assert_eq!(characters[found[1].clone()].iter().collect::<String>(), "Eilt sehr!");
    }

    #[test]
    fn a_piece_belongs_to_the_sentence_it_starts_in() {
        let offsets = [None, Some(0..3), Some(3..5), Some(6..9), None];
        assert_eq!(rows_within(&offsets, &(0..5), 10), [11, 12]);
        assert_eq!(rows_within(&offsets, &(5..20), 10), [13]);
    }
}
