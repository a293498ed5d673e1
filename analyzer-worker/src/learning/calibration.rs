//! Making confidences come true: for each head one temperature, and how much the nearest known tickets have to say beside it,
//! chosen on answers about tickets that neither had seen.

use tch::{Kind, Tensor};

use crate::model::weighing::Weighing;

/// The temperature whose confidences explain `answers` best (least negative log-likelihood), 0.2 to 5.
#[must_use]
pub fn temperature(logits: &Tensor, answers: &Tensor) -> f64 {
    let loss = |temperature: f64| (logits / temperature).cross_entropy_for_logits(answers).double_value(&[]);
    least(temperatures(), 1.0, loss)
}

fn temperatures() -> impl Iterator<Item = f64> {
    (0..=128).map(|step| 0.2 * 25f64.powf(f64::from(step) / 128.0))
}

/// The weighing that explains `answers` best (least negative log-likelihood): temperatures from 0.2 to 5, a say of neighbours up to
/// three fifths. `shares` are those of each label among a ticket's neighbours.
#[must_use]
pub fn weighing(logits: &Tensor, shares: &Tensor, answers: &Tensor) -> Weighing {
    let says = (0..=12).map(|step| f64::from(step) / 20.0);
    let all = temperatures()
        .flat_map(|temperature| says.clone().map(move |neighbours| Weighing { temperature, neighbours }));
    let loss = |weighing: Weighing| {
        let probabilities = weighing.probabilities(logits, Some(shares)).clamp_min(f64::EPSILON);
        probabilities.log().nll_loss(answers).double_value(&[])
    };
    least(all, Weighing::NONE, loss)
}

/// Whichever loses least; `otherwise` where no loss is a number.
fn least<T: Copy>(all: impl Iterator<Item = T>, otherwise: T, loss: impl Fn(T) -> f64) -> T {
    let each = all.map(|candidate| (candidate, loss(candidate)));
    each.fold((otherwise, f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a }).0
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
    fn neighbours_who_know_better_get_a_say_and_others_none() {
        let (logits, answers) =
            (Tensor::from_slice2(&[[1f32, 0.0], [1.0, 0.0]]), Tensor::from_slice(&[1i64, 1]));
        let knowing = Tensor::from_slice2(&[[0f32, 1.0], [0.0, 1.0]]);
        assert!(weighing(&logits, &knowing, &answers).neighbours > 0.5);
        assert!(weighing(&logits, &(1.0 - knowing), &answers).neighbours < 0.01);
    }

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
