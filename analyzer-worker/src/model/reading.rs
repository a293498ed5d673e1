//! Tickets read once: an embedding of each, and of each of its sentences. Heads, anchors and summary share it.

use tch::Tensor;

use super::{embedder::Embedder, heads::rows};
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
}

impl<'t> Reading<'t> {
    /// Embeds texts and their sentences in one go, so that they share batches.
    #[must_use]
    pub fn new(embedder: &Embedder, texts: &[&'t str]) -> Self {
        let sentences: Vec<Vec<_>> =
            texts.iter().map(|text| sentences(text).into_iter().take(MAX_SENTENCES).collect()).collect();
        let all: Vec<&str> = texts.iter().copied().chain(sentences.iter().flatten().copied()).collect();
        let embeddings = embedder.embed(&all);
        let (tickets, rest) = (texts.len() as i64, (all.len() - texts.len()) as i64);
        Self {
            tickets: embeddings.narrow(0, 0, tickets),
            sentence_embeddings: embeddings.narrow(0, tickets, rest),
            sentences,
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
