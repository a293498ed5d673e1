//! The layers on the encoder. Each question looks at a ticket with a query of its own: a weighted mean of the
//! word pieces' states. Training and serving compute the same functions on the same named tensors.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::labels::Question;

/// Name of the layer that reads the urgency.
pub const URGENCY: &str = "urgency";
/// Name of the layer that marks entities.
pub const TAGS: &str = "tags";
/// Name of the layer that picks the sentence to quote.
pub const SALIENCE: &str = "salience";

/// Urgencies are learned as distances from their middle.
pub const MIDDLE: f64 = 5.5;

/// Named weights: `<layer>.query`, `<layer>.weight`, `<layer>.bias`.
pub struct Net(BTreeMap<String, Tensor>);

/// A name without a tensor, or one of the wrong shape.
#[derive(Debug, thiserror::Error)]
#[error("no tensor {0} that fits")]
pub struct Misfit(String);

/// What the questions' layers answer about tickets.
pub struct Outputs {
    /// Logits, `[tickets, labels]`.
    pub questions: BTreeMap<Question, Tensor>,
    /// 1 to 10, `[tickets]`.
    pub urgency: Tensor,
}

impl Net {
    /// Takes named tensors; `width` is that of the features beside the states, `marks` that of a piece's marks.
    pub fn new(tensors: BTreeMap<String, Tensor>, shape: &Shape) -> Result<Self, Misfit> {
        for (name, dimensions) in shape.tensors() {
            if tensors.get(&name).is_none_or(|tensor| tensor.size() != dimensions) {
                return Err(Misfit(name));
            }
        }
        Ok(Self(tensors))
    }

    fn get(&self, layer: &str, part: &str) -> &Tensor {
        &self.0[&format!("{layer}.{part}")]
    }

    /// The layer of a question, `[labels, dimension + features]`.
    pub fn weights(&self, question: Question) -> &Tensor {
        self.get(question.name(), "weight")
    }

    /// The layer that reads the urgency, `[1, dimension + features]`.
    pub fn urgency_weights(&self) -> &Tensor {
        self.get(URGENCY, "weight")
    }

    fn linear(&self, layer: &str, input: &Tensor) -> Tensor {
        input.linear(self.get(layer, "weight"), Some(self.get(layer, "bias")))
    }

    /// Answers every question about tickets: `states` of each, `[pieces, dimension]`, and `features` beside them.
    #[must_use]
    pub fn decide(&self, states: &[Tensor], features: &Tensor) -> Outputs {
        let queries: Vec<_> = layers().map(|layer| self.get(layer, "query")).collect();
        let queries = Tensor::stack(&queries, 1);
        let pooled: Vec<_> = states.iter().map(|states| pool(states, &queries)).collect();
        let pooled = Tensor::stack(&pooled, 0);
        let seen = |layer: usize| Tensor::cat(&[&pooled.select(1, layer as i64), features], 1);
        let answer =
            |(index, question): (usize, Question)| (question, self.linear(question.name(), &seen(index)));
        let urgency = self.linear(URGENCY, &seen(Question::ALL.len())).squeeze_dim(1) + MIDDLE;
        Outputs { questions: Question::ALL.into_iter().enumerate().map(answer).collect(), urgency }
    }

    /// Logits of each piece's tag, `[pieces, tags]`.
    pub fn tag(&self, states: &Tensor, marks: &Tensor) -> Tensor {
        self.linear(TAGS, &Tensor::cat(&[states, marks], 1))
    }

    /// How well each sentence would stand for its ticket: `[sentences]` of means and places.
    pub fn salience(&self, sentences: &Tensor, places: &Tensor) -> Tensor {
        self.linear(SALIENCE, &Tensor::cat(&[sentences, places], 1)).squeeze_dim(1)
    }
}

/// `[layers, dimension]`: the states as each query sees them.
fn pool(states: &Tensor, queries: &Tensor) -> Tensor {
    let scale = (states.size()[1] as f64).sqrt();
    let attention = (states.matmul(queries) / scale).softmax(0, Kind::Float);
    attention.tr().matmul(states)
}

/// The layers with a query of their own.
fn layers() -> impl Iterator<Item = &'static str> {
    Question::ALL.into_iter().map(Question::name).chain([URGENCY])
}

/// The widths everything else follows from.
pub struct Shape {
    /// Width of the encoder's states.
    pub dimension: i64,
    /// Width of a ticket's features beside them.
    pub features: i64,
    /// Width of a piece's marks.
    pub marks: i64,
    /// Number of tags.
    pub tags: i64,
    /// Width of what is known of a sentence's place.
    pub places: i64,
}

impl Shape {
    /// Every tensor of the net, with its dimensions.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<i64>)> {
        let outputs = Question::ALL.map(|question| (question.name(), question.labels().len() as i64));
        let decided = outputs.into_iter().chain([(URGENCY, 1)]);
        let mut all: Vec<_> = decided
            .flat_map(|(layer, outputs)| {
                let query = (format!("{layer}.query"), vec![self.dimension]);
                [query].into_iter().chain(linear(layer, outputs, self.dimension + self.features))
            })
            .collect();
        all.extend(linear(TAGS, self.tags, self.dimension + self.marks));
        all.extend(linear(SALIENCE, 1, self.dimension + self.places));
        all
    }
}

fn linear(layer: &str, outputs: i64, inputs: i64) -> [(String, Vec<i64>); 2] {
    [(format!("{layer}.weight"), vec![outputs, inputs]), (format!("{layer}.bias"), vec![outputs])]
}
