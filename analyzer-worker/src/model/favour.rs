//! Which cues speak for which label, read off the questions' layers: a cue that is there and speaks against a label is no
//! reason for it.

use std::collections::BTreeMap;

use super::{cues::number_of_cues, heads::rows, net::Net};
use crate::labels::Question;

/// How much each cue speaks for each label.
pub struct Favour(BTreeMap<Question, Vec<Vec<f32>>>);

impl Favour {
    /// Reads the layers. Only differences between labels decide, so a weight counts by what it is above the labels' mean.
    #[must_use]
    pub fn new(net: &Net) -> Self {
        let of = |question: Question| {
            let weights = net.weights(question);
            let cues = number_of_cues() as i64;
            // The cues are the last columns: see features.rs.
            let weights = weights.narrow(1, weights.size()[1] - cues, cues);
            let mean = weights.mean_dim([0i64].as_slice(), true, weights.kind());
            (question, rows(&(weights - mean)))
        };
        Self(Question::ALL.into_iter().map(of).collect())
    }

    /// Whether the cue speaks for the label; both by their places.
    #[must_use]
    pub fn is_for(&self, question: Question, label: usize, cue: usize) -> bool {
        let weight = self.0.get(&question).and_then(|labels| labels.get(label)?.get(cue));
        weight.is_some_and(|weight| *weight > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;
    use crate::model::heads::shape;

    /// A net of zeros, but for what the first cue counts for Network.
    fn net(first_cue: f64) -> Net {
        let shape = shape(2);
        let zeros = |dimensions: &[i64]| Tensor::zeros(dimensions, (Kind::Float, tch::Device::Cpu));
        let tensors: BTreeMap<_, _> =
            shape.tensors().into_iter().map(|(name, dimensions)| (name, zeros(&dimensions))).collect();
        let place = tensors["category.weight"].size()[1] - number_of_cues() as i64;
        let _ = tensors["category.weight"].get(0).get(place).fill_(first_cue);
        Net::new(tensors, &shape).unwrap()
    }

    #[test]
    fn a_cue_speaks_for_the_labels_it_counts_for() {
        let (network, security) = (0, 1);
        let is_for = |weight, label| Favour::new(&net(weight)).is_for(Question::Category, label, 0);
        assert!(is_for(1.0, network) && !is_for(1.0, security));
        assert!(!is_for(-1.0, network) && is_for(-1.0, security));
        assert!(!Favour::new(&net(1.0)).is_for(Question::Category, network, 1), "another cue");
    }
}
