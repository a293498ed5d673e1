//! The tickets the heads learned from, as embeddings and labels. The nearest ones have a say in each decision, and explain it
//! ("4 of the 5 nearest known tickets are Network") without quoting anybody's text.

use std::{cmp::Reverse, collections::BTreeMap};

use tch::Tensor;

use super::{heads::rows, net::URGENCY};
use crate::labels::Question;

/// How many neighbours are asked.
pub const NEIGHBOURS: usize = 5;

/// Levels between two tickets that are as urgent: people differ by one.
const NEARLY_AS_URGENT: usize = 1;

/// A ticket less like its nearest neighbour than this is like none: the cosine that 1 of 500 of the known tickets stays below
/// with the nearest of the other ones.
const LEAST_LIKENESS: f32 = 0.48;
/// The product of two equal vectors.
const SAME: f32 = i16::MAX as f32 * i16::MAX as f32;

/// The known tickets nearest to a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Their places, nearest first.
    pub tickets: Vec<usize>,
    /// Even the nearest is unlike the ticket.
    pub are_far: bool,
}

/// Embeddings and labels of known tickets.
pub struct Known {
    /// Rounded: each ticket is compared with all of these, which takes whole numbers a third of the time.
    embeddings: Vec<Vec<i16>>,
    labels: BTreeMap<Question, Vec<usize>>,
    /// Heads learned before urgencies had reasons know none.
    urgencies: Option<Vec<usize>>,
}

impl Known {
    /// Pairs embeddings of length 1, `[tickets, dimension]`, with label indices by question name.
    pub fn new(embeddings: &Tensor, labels: &BTreeMap<String, Vec<usize>>) -> Result<Self, String> {
        let embeddings = rows(embeddings);
        let of = |question: Question| match labels.get(question.name()) {
            Some(labels) if labels.len() == embeddings.len() => Ok((question, labels.clone())),
            _ => Err(format!("the known tickets lack labels of {}", question.name())),
        };
        let urgencies = labels.get(URGENCY).filter(|all| all.len() == embeddings.len()).cloned();
        let labels = Question::ALL.into_iter().map(of).collect::<Result<_, _>>()?;
        Ok(Self { embeddings: embeddings.iter().map(|row| rounded(row)).collect(), labels, urgencies })
    }

    /// The nearest known tickets of each embedding, `[tickets, dimension]`.
    #[must_use]
    pub fn nearest(&self, embeddings: &Tensor) -> Vec<Neighbours> {
        let embeddings: Vec<_> = rows(embeddings).iter().map(|row| rounded(row)).collect();
        let room = |_: &Vec<i16>| Vec::with_capacity(self.embeddings.len());
        let mut products: Vec<_> = embeddings.iter().map(room).collect();
        // Known tickets outside: they are megabytes, and come from memory once for all that are asked about.
        for (place, known) in self.embeddings.iter().enumerate() {
            for (products, embedding) in products.iter_mut().zip(&embeddings) {
                products.push((Reverse(product(known, embedding)), place));
            }
        }
        products.into_iter().map(nearest_of).collect()
    }

    /// How many of `neighbours` carry each label, as shares; none where there are no neighbours.
    #[must_use]
    pub fn shares(&self, question: Question, neighbours: &[usize]) -> Option<Vec<f32>> {
        let labels = &self.labels[&question];
        let mut shares = vec![0.0; question.labels().len()];
        for label in neighbours.iter().filter_map(|&neighbour| labels.get(neighbour)) {
            *shares.get_mut(*label)? += 1.0 / neighbours.len() as f32;
        }
        (!neighbours.is_empty()).then_some(shares)
    }

    /// How many of `neighbours` carry the label, in words.
    ///
    /// # Errors
    /// Where most carry another one: then it speaks against the label.
    pub fn agreement(
        &self,
        question: Question,
        label: usize,
        neighbours: &[usize],
    ) -> Result<String, String> {
        let labels = &self.labels[&question];
        let agreeing = neighbours.iter().filter(|&&n| labels.get(n) == Some(&label)).count();
        in_words(agreeing, neighbours.len(), question.labels()[label])
    }

    /// How many of `neighbours` are as urgent, in words; none where nobody noted how urgent they are.
    #[must_use]
    pub fn agreement_on_urgency(&self, level: u8, neighbours: &[usize]) -> Option<Result<String, String>> {
        let urgencies = self.urgencies.as_ref()?;
        let is_near = |urgency: &usize| urgency.abs_diff(level.into()) <= NEARLY_AS_URGENT;
        let agreeing = neighbours.iter().filter(|&&n| urgencies.get(n).is_some_and(is_near)).count();
        Some(in_words(agreeing, neighbours.len(), "as urgent, within one level"))
    }
}

/// The nearest of all, by their products and places.
fn nearest_of(mut tickets: Vec<(Reverse<i32>, usize)>) -> Neighbours {
    if tickets.len() > NEIGHBOURS {
        tickets.select_nth_unstable(NEIGHBOURS);
        tickets.truncate(NEIGHBOURS);
    }
    tickets.sort_unstable();
    let are_far =
        tickets.first().is_some_and(|(Reverse(nearest), _)| *nearest as f32 / SAME < LEAST_LIKENESS);
    Neighbours { tickets: tickets.into_iter().map(|(_, ticket)| ticket).collect(), are_far }
}

/// `what` the agreeing ones are; an error where they are not most of those that were asked.
fn in_words(agreeing: usize, asked: usize, what: &str) -> Result<String, String> {
    if agreeing * 2 > asked {
        return Ok(format!("{agreeing} of the {asked} nearest known tickets are {what}"));
    }
    Err(match agreeing {
        0 => format!("against it: none of the {asked} nearest known tickets is {what}"),
        1 => format!("against it: only 1 of the {asked} nearest known tickets is {what}"),
        _ => format!("against it: only {agreeing} of the {asked} nearest known tickets are {what}"),
    })
}

/// Of a vector of length 1, so that no product of two leaves 32 bits.
fn rounded(embedding: &[f32]) -> Vec<i16> {
    embedding.iter().map(|number| (number * f32::from(i16::MAX)).round() as i16).collect()
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
        let nearest = known.nearest(&Tensor::from_slice2(&[[1.0, 0.0], [0.0, 1.0]]));
        assert_eq!(
            nearest.iter().map(|near| near.tickets.as_slice()).collect::<Vec<_>>(),
            [[5, 1, 3, 4, 0], [0, 4, 3, 6, 1]]
        );
    }

    fn known_axis() -> Known {
        let labels = |question: Question| (question.name().to_owned(), vec![0, 0, 0, 1, 1]);
        let labels = Question::ALL.into_iter().map(labels).collect();
        Known::new(&Tensor::from_slice2(&[[1.0, 0.0]; 5]), &labels).unwrap()
    }

    #[test]
    fn neighbours_have_a_share_for_each_label() {
        let shares = |neighbours: &[usize]| known_axis().shares(Question::Category, neighbours);
        assert_eq!(shares(&[0, 1, 2, 3]), Some(vec![0.75, 0.25, 0.0, 0.0, 0.0]));
        assert_eq!(shares(&[]), None, "nobody to ask");
    }

    #[test]
    fn what_is_like_no_known_ticket_says_so() {
        let nearest =
            known_axis().nearest(&Tensor::from_slice2(&[[0.5, 0.75f64.sqrt()], [0.4, 0.84f64.sqrt()]]));
        assert_eq!(nearest.iter().map(|near| near.are_far).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn neighbours_that_mostly_disagree_speak_against_a_label() {
        let agreement = |label| known_axis().agreement(Question::Category, label, &[0, 1, 2, 3, 4]);
        assert_eq!(agreement(0), Ok("3 of the 5 nearest known tickets are Network".to_owned()));
        let against = "against it: only 2 of the 5 nearest known tickets are Security";
        assert_eq!(agreement(1), Err(against.to_owned()));
        let against = "against it: none of the 5 nearest known tickets is General";
        assert_eq!(agreement(4), Err(against.to_owned()));
    }

    #[test]
    fn neighbours_speak_for_and_against_an_urgency() {
        let mut labels: BTreeMap<_, _> =
            Question::ALL.into_iter().map(|question| (question.name().to_owned(), vec![0; 5])).collect();
        let known =
            |labels: &BTreeMap<_, _>| Known::new(&Tensor::from_slice2(&[[1.0, 0.0]; 5]), labels).unwrap();
        let all = [0, 1, 2, 3, 4];
        assert_eq!(known(&labels).agreement_on_urgency(7, &all), None, "heads from before");
        labels.insert(URGENCY.to_owned(), vec![6, 7, 8, 9, 2]);
        let agreement = |level| known(&labels).agreement_on_urgency(level, &all).unwrap();
        assert_eq!(
            agreement(7),
            Ok("3 of the 5 nearest known tickets are as urgent, within one level".to_owned())
        );
        let against = "against it: only 1 of the 5 nearest known tickets is as urgent, within one level";
        assert_eq!(agreement(3), Err(against.to_owned()));
    }

    #[test]
    fn labels_belong_to_tickets() {
        let labels =
            Question::ALL.into_iter().map(|question| (question.name().to_owned(), vec![0; 2])).collect();
        assert!(Known::new(&Tensor::from_slice2(&[[1.0, 0.0]]), &labels).is_err());
    }
}
