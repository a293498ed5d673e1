//! The tickets the heads learned from, as embeddings and labels. They explain a decision ("4 of the 5 nearest
//! known tickets are Network") without quoting anybody's text.

use std::{cmp::Reverse, collections::BTreeMap};

use tch::Tensor;

use super::heads::rows;
use crate::labels::Question;

/// How many neighbours are asked.
pub const NEIGHBOURS: usize = 5;

/// Embeddings and labels of known tickets.
pub struct Known {
    /// Rounded: each ticket is compared with all of these, and half the bytes are read in half the time.
    embeddings: Vec<i16>,
    dimension: usize,
    labels: BTreeMap<Question, Vec<usize>>,
}

impl Known {
    /// Pairs embeddings of length 1, `[tickets, dimension]`, with label indices by question name.
    pub fn new(embeddings: &Tensor, labels: &BTreeMap<String, Vec<usize>>) -> Result<Self, String> {
        let embeddings = rows(embeddings);
        let of = |question: Question| match labels.get(question.name()) {
            Some(labels) if labels.len() == embeddings.len() => Ok((question, labels.clone())),
            _ => Err(format!("the known tickets lack labels of {}", question.name())),
        };
        let labels = Question::ALL.into_iter().map(of).collect::<Result<_, _>>()?;
        let dimension = embeddings.first().map_or(1, Vec::len);
        Ok(Self { embeddings: embeddings.iter().flat_map(|row| rounded(row)).collect(), dimension, labels })
    }

    /// The nearest known tickets of each embedding, `[tickets, dimension]`, nearest first.
    #[must_use]
    pub fn nearest(&self, embeddings: &Tensor) -> Vec<Vec<usize>> {
        let asked: Vec<Vec<i16>> = rows(embeddings).iter().map(|row| rounded(row).collect()).collect();
        let mut products = vec![Vec::with_capacity(self.embeddings.len() / self.dimension); asked.len()];
        // Reading the known ones takes longer than multiplying them, so each is read once for all that are asked about.
        for (ticket, known) in self.embeddings.chunks_exact(self.dimension).enumerate() {
            for (products, asked) in products.iter_mut().zip(&asked) {
                products.push((Reverse(product(known, asked)), ticket));
            }
        }
        products.into_iter().map(first).collect()
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

/// The first few in order.
fn first(mut products: Vec<(Reverse<i32>, usize)>) -> Vec<usize> {
    if products.len() > NEIGHBOURS {
        products.select_nth_unstable(NEIGHBOURS);
        products.truncate(NEIGHBOURS);
    }
    products.sort_unstable();
    products.into_iter().map(|(_, ticket)| ticket).collect()
}

/// Of a vector of length 1, so that no product of two leaves 32 bits.
fn rounded(embedding: &[f32]) -> impl Iterator<Item = i16> {
    embedding.iter().map(|number| (number * f32::from(i16::MAX)).round() as i16)
}

/// In a form that compilers turn into multiplications of eight pairs at a time on any x86-64.
fn product(one: &[i16], other: &[i16]) -> i32 {
    one.iter().zip(other).map(|(&one, &other)| i32::from(one) * i32::from(other)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        let corner = |x: f64, y: f64| [x / x.hypot(y), y / x.hypot(y)];
        let known = Tensor::from_slice2(&[
            corner(0.0, 1.0),
            corner(1.0, 0.1),
            corner(-1.0, 0.0),
            corner(1.0, 1.0),
            corner(0.1, 1.0),
            corner(1.0, 0.0),
            corner(-1.0, 1.0),
        ]);
        let labels =
            Question::ALL.into_iter().map(|question| (question.name().to_owned(), vec![0; 7])).collect();
        let known = Known::new(&known, &labels).unwrap();
        assert_eq!(
            known.nearest(&Tensor::from_slice2(&[[1.0, 0.0], [0.0, 1.0]])),
            [[5, 1, 3, 4, 0], [0, 4, 3, 6, 1]]
        );
    }

    #[test]
    fn labels_belong_to_tickets() {
        let labels =
            Question::ALL.into_iter().map(|question| (question.name().to_owned(), vec![0; 2])).collect();
        assert!(Known::new(&Tensor::from_slice2(&[[1.0, 0.0]]), &labels).is_err());
    }
}
