//! Statements that decide about labels ("the whole team is stuck"), embedded. A ticket's sentence that comes
//! close to one of them says more about priority or mood than the ticket as a whole, which is about its topic.

use tch::{Device, Kind, Tensor};

/// The statements: the lines of the data file that are no comments.
pub fn statements() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../data/anchors.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// How close each ticket comes to each statement, `[tickets, statements]`: the highest cosine of its sentences.
/// `sentences` are the embeddings of all sentences, `counts` how many of them belong to each ticket.
pub fn closeness(anchors: &Tensor, sentences: &Tensor, counts: &[usize]) -> Tensor {
    let cosines = sentences.matmul(&anchors.tr());
    let mut start = 0;
    let best: Vec<_> = counts
        .iter()
        .map(|&count| {
            let own = cosines.narrow(0, start, count as i64);
            start += count as i64;
            match count {
                0 => Tensor::zeros([anchors.size()[0]], (Kind::Float, Device::Cpu)),
                _ => own.amax([0i64].as_slice(), false),
            }
        })
        .collect();
    if best.is_empty() { cosines } else { Tensor::stack(&best, 0).to_kind(Kind::Float) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_as_close_as_its_closest_sentence() {
        let anchors = Tensor::from_slice(&[1f32, 0., 0., 1.]).view([2, 2]);
        let sentences = Tensor::from_slice(&[0.6f32, 0.8, 1.0, 0.0, 0.0, 1.0]).view([3, 2]);
        let close = closeness(&anchors, &sentences, &[2, 0, 1]);
        let close = Vec::<f32>::try_from(close.contiguous().view(-1)).unwrap();
        assert_eq!(close, [1.0, 0.8, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn no_statement_is_given_twice() {
        let mut all: Vec<_> = statements().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
