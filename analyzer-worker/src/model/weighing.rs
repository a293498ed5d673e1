//! What turns a head's outputs into probabilities. Training and serving weigh alike, because they call the same.

use tch::{Kind, Tensor};

/// How much which of the two has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighing {
    /// What the outputs are divided by.
    pub temperature: f64,
    /// The say of the nearest known tickets, 0 to 1.
    pub neighbours: f64,
}

impl Weighing {
    /// The outputs as they are.
    pub const NONE: Self = Self { temperature: 1.0, neighbours: 0.0 };

    /// Of each label, `[tickets, labels]`; `shares` are those of each label among a ticket's neighbours, none where no ticket is
    /// known: then the head decides alone.
    pub fn probabilities(self, logits: &Tensor, shares: Option<&Tensor>) -> Tensor {
        let alone = (logits / self.temperature).softmax(-1, Kind::Float);
        match shares {
            Some(shares) => alone * (1.0 - self.neighbours) + shares * self.neighbours,
            None => alone,
        }
    }
}
