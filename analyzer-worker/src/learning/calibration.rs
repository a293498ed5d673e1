//! Making confidences come true: one temperature per head, chosen on answers about tickets the head had not
//! seen.

use tch::{Kind, Tensor};

/// The temperature whose confidences explain `answers` best (least negative log-likelihood), 0.2 to 5.
#[must_use]
pub fn temperature(logits: &Tensor, answers: &Tensor) -> f64 {
    let candidates = (0..=128).map(|step| 0.2 * 25f64.powf(f64::from(step) / 128.0));
    let loss = |temperature: f64| (logits / temperature).cross_entropy_for_logits(answers).double_value(&[]);
    candidates.map(|t| (t, loss(t))).fold((1.0, f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a }).0
}

/// Expected calibration error over ten bins: how far confidence and share of right answers are apart, 0 to 1.
#[must_use]
pub fn calibration_error(answers: &[(f32, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for &(confidence, is_right) in answers {
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.0 += f64::from(confidence);
        bin.1 += f64::from(u8::from(is_right));
    }
    let apart: f64 = bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum();
    apart / answers.len().max(1) as f64
}

/// The confidence that `share` of the answers stay below: what people can look at.
#[must_use]
pub fn lowest_share(confidences: &[f32], share: f64) -> f32 {
    let mut sorted = confidences.to_vec();
    sorted.sort_by(f32::total_cmp);
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Best probability of each row with its label.
#[must_use]
pub fn best(probabilities: &Tensor) -> Vec<(f32, i64)> {
    let (confidence, label) = probabilities.to_kind(Kind::Float).max_dim(1, false);
    let confidences = Vec::<f32>::try_from(confidence).unwrap_or_default();
    let labels = Vec::<i64>::try_from(label).unwrap_or_default();
    confidences.into_iter().zip(labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidences_that_come_true_have_no_error() {
        let answers: Vec<_> = (0..100).map(|n| (0.8, n % 5 != 0)).collect();
        assert!(calibration_error(&answers) < 1e-6);
    }

    #[test]
    fn a_boaster_is_off_by_what_it_boasts() {
        let answers: Vec<_> = (0..100).map(|n| (0.9, n % 2 == 0)).collect();
        assert!((calibration_error(&answers) - 0.4).abs() < 1e-6);
    }

    #[test]
    fn the_lowest_share_lies_below_its_limit() {
        let confidences: Vec<f32> = (0..100u8).map(|n| f32::from(n) / 100.0).collect();
        let limit = lowest_share(&confidences, 0.15);
        assert_eq!(confidences.iter().filter(|&&c| c < limit).count(), 15);
    }
}
