//! Tickets read once: the states of each one's word pieces. Questions, entities, summary and similarity share them.

use tch::{Kind, Tensor};

use super::{embedder::Embedder, passages::Passages, tokenizer::Pieces};

/// A batch of tickets, read.
pub struct Reading<'t> {
    /// The texts.
    pub texts: Vec<&'t str>,
    /// The word pieces of each text.
    pub pieces: Vec<Pieces>,
    /// The states of each text's pieces, `[pieces, dimension]` each.
    pub states: Vec<Tensor>,
    /// What each ticket is about, `[tickets, dimension]`: the mean of its first window's states, of length 1.
    pub tickets: Tensor,
}

impl<'t> Reading<'t> {
    /// Reads texts, at least one.
    #[must_use]
    pub fn new(embedder: &Embedder, texts: &[&'t str]) -> Self {
        let (pieces, states): (Vec<_>, Vec<_>) = embedder.read(texts).into_iter().unzip();
        let tickets = embeddings(&pieces, &states);
        Self { texts: texts.to_vec(), pieces, states, tickets }
    }

    /// The sentences of each ticket.
    #[must_use]
    pub fn passages(&self) -> Vec<Passages<'t>> {
        self.texts.iter().zip(&self.pieces).map(|(text, pieces)| Passages::new(text, pieces)).collect()
    }
}

/// One embedding of length 1 per text, `[texts, dimension]`: the mean of its first window's states.
pub fn embeddings(pieces: &[Pieces], states: &[Tensor]) -> Tensor {
    let first_windows = pieces.iter().zip(states).map(|(pieces, states)| {
        states.narrow(0, 0, pieces.first_window as i64).mean_dim([0i64].as_slice(), false, Kind::Float)
    });
    let means = Tensor::stack(&first_windows.collect::<Vec<_>>(), 0);
    let lengths = means.norm_scalaropt_dim(2, [-1], true).clamp_min(f64::EPSILON);
    means / lengths
}
