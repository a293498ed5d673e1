//! The tickets the heads learned from, as embeddings and labels. They explain a decision ("4 of the 5 nearest
//! known tickets are Network") without quoting anybody's text.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::labels::Question;

/// How many neighbours are asked.
pub const NEIGHBOURS: i64 = 5;

/// Embeddings and labels of known tickets.
pub struct Known {
    embeddings: Tensor,
    labels: BTreeMap<Question, Vec<usize>>,
}

impl Known {
    /// Pairs embeddings with label indices by question name.
    pub fn new(embeddings: Tensor, labels: &BTreeMap<String, Vec<usize>>) -> Result<Self, String> {
        let count = embeddings.size()[0] as usize;
        let of = |question: Question| match labels.get(question.name()) {
            Some(labels) if labels.len() == count => Ok((question, labels.clone())),
            _ => Err(format!("the known tickets lack labels of {}", question.name())),
        };
        let labels = Question::ALL.into_iter().map(of).collect::<Result<_, _>>()?;
        Ok(Self { embeddings, labels })
    }

    /// The nearest known tickets of each embedding, nearest first.
    #[must_use]
    pub fn nearest(&self, embeddings: &Tensor) -> Vec<Vec<usize>> {
        let count = NEIGHBOURS.min(self.embeddings.size()[0]);
        let (_, nearest) = embeddings.matmul(&self.embeddings.tr()).topk(count, 1, true, true);
        let flat = Vec::<i64>::try_from(nearest.contiguous().view(-1)).unwrap_or_default();
        flat.chunks(count.max(1) as usize).map(|row| row.iter().map(|&i| i as usize).collect()).collect()
    }

    /// How many of `neighbours` carry the label, in words.
    #[must_use]
    pub fn agreement(&self, question: Question, label: usize, neighbours: &[usize]) -> String {
        let labels = &self.labels[&question];
        let agreeing = neighbours.iter().filter(|&&n| labels.get(n) == Some(&label)).count();
        let name = question.labels()[label];
        format!("{agreeing} of the {} nearest known tickets are {name}", neighbours.len())
    }
}
