//! Which cues speak for which label, read off the questions' layers: a cue that is there and speaks against a label is no
//! reason for it.

use std::collections::BTreeMap;

use tch::Tensor;

use super::{
    cues::number_of_cues,
    heads::rows,
    net::{MIDDLE, Net},
};
use crate::labels::Question;

/// How much each cue speaks for each label, and for being urgent.
pub struct Favour {
    labels: BTreeMap<Question, Vec<Vec<f32>>>,
    urgency: Vec<f32>,
}

impl Favour {
    /// Reads the layers. Only differences between labels decide, so a weight counts by what it is above the labels' mean.
    #[must_use]
    pub fn new(net: &Net) -> Self {
        let of = |question: Question| {
            let weights = of_cues(net.weights(question));
            let mean = weights.mean_dim([0i64].as_slice(), true, weights.kind());
            (question, rows(&(weights - mean)))
        };
        let urgency = rows(&of_cues(net.urgency_weights())).concat();
        Self { labels: Question::ALL.into_iter().map(of).collect(), urgency }
    }

    /// Whether the cue speaks for the label; both by their places.
    #[must_use]
    pub fn is_for(&self, question: Question, label: usize, cue: usize) -> bool {
        let weight = self.labels.get(&question).and_then(|labels| labels.get(label)?.get(cue));
        weight.is_some_and(|weight| *weight > 0.0)
    }

    /// Whether the cue, by its place, moves the urgency from its middle towards this level.
    #[must_use]
    pub fn is_for_urgency(&self, level: u8, cue: usize) -> bool {
        let direction = f64::from(level) - MIDDLE;
        self.urgency.get(cue).is_some_and(|weight| f64::from(*weight) * direction > 0.0)
    }
}

/// The columns of the cues are the last ones: see features.rs.
fn of_cues(weights: &Tensor) -> Tensor {
    let cues = number_of_cues() as i64;
    weights.narrow(1, weights.size()[1] - cues, cues)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::model::heads::shape;

    /// A net of zeros, but for what the first cue counts for Network and for being urgent.
    fn net(first_cue: f64) -> Net {
        let shape = shape(2);
        let zeros = |dimensions: &[i64]| Tensor::zeros(dimensions, (Kind::Float, tch::Device::Cpu));
        let tensors: BTreeMap<_, _> =
            shape.tensors().into_iter().map(|(name, dimensions)| (name, zeros(&dimensions))).collect();
        let place = tensors["category.weight"].size()[1] - number_of_cues() as i64;
        for layer in ["category.weight", "urgency.weight"] {
            let _ = tensors[layer].get(0).get(place).fill_(first_cue);
        }
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

    #[test]
    fn a_cue_that_makes_urgent_speaks_for_high_levels_and_one_that_calms_for_low_ones() {
        let is_for = |weight, level| Favour::new(&net(weight)).is_for_urgency(level, 0);
        assert!(is_for(1.0, 8) && !is_for(1.0, 3));
        assert!(!is_for(-1.0, 8) && is_for(-1.0, 3));
        assert!(!Favour::new(&net(1.0)).is_for_urgency(8, 1), "another cue");
    }
}
