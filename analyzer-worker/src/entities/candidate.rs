//! A possible entity, and how overlapping ones are settled.

/// A possible entity, in bytes of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// One of the entity labels.
    pub label: &'static str,
    /// How sure its rule is: an estimate from the training part. What the labels reach is in the model card.
    pub confidence: f32,
}

impl Candidate {
    /// A possible entity at a place.
    #[must_use]
    pub const fn new(range: std::ops::Range<usize>, label: &'static str, confidence: f32) -> Self {
        Self { start: range.start, end: range.end, label, confidence }
    }
}

/// Keeps the surer one of two that overlap, and of equally sure ones the longer one.
pub(super) fn settle(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| {
        let (surer, longer) =
            (b.confidence.total_cmp(&a.confidence), (b.end - b.start).cmp(&(a.end - a.start)));
        surer.then(longer).then(a.start.cmp(&b.start))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.iter().all(|other| candidate.end <= other.start || other.end <= candidate.start) {
            kept.push(candidate);
        }
    }
    kept.sort_by_key(|candidate| candidate.start);
    kept
}

#[cfg(test)]
mod tests {
    use super::{Candidate, settle};

    #[test]
    fn the_surer_of_two_overlapping_candidates_stays() {
        let mail = Candidate::new(0..15, "EMAIL", 0.99);
        let host = Candidate::new(4..15, "HOST", 0.8);
        let other = Candidate::new(20..25, "HOST", 0.8);
        assert_eq!(settle(vec![host, other.clone(), mail.clone()]), [mail, other]);
    }
}
