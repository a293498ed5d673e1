//! Choosing a head's weight decay and temperature on the training part alone: every ticket is answered by a
//! head that did not learn from it.

use anyhow::Context as _;
use tch::{Kind, Tensor};

use super::{
    calibration::{best, calibration_error, lowest_share, temperature},
    classifier::{Fitted, Recipe, fit_labels, fit_number},
    diet::{DIETS, Diet},
    split,
};
use crate::{
    labels::Question,
    model::{features::Features, heads::QuestionManifest},
};

/// Parts the training part is divided into.
const FOLDS: u64 = 5;
/// The weight decays tried.
const DECAYS: [f64; 7] = [3e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2];
/// Share of the answers a person looks at, per question.
const REVIEW_SHARE: f64 = 0.1;

/// The tickets in numbers: features of each, and the fold each belongs to.
pub struct Folded {
    features: Features,
    /// Indices of each fold, and of all others.
    folds: Vec<(Tensor, Tensor)>,
}

/// A way to fit a head, and how it answered about tickets it had not seen.
struct Trial {
    diet: Diet,
    decay: f64,
    outputs: Tensor,
    loss: f64,
}

impl Folded {
    /// Divides tickets by their ids.
    #[must_use]
    pub fn new(features: Features, ids: &[&str]) -> Self {
        let fold_of: Vec<_> = ids.iter().map(|id| split::fold(id, FOLDS)).collect();
        let select = |keep: &dyn Fn(u64) -> bool| {
            let chosen: Vec<_> = (0..ids.len() as i64).filter(|&i| keep(fold_of[i as usize])).collect();
            Tensor::from_slice(&chosen)
        };
        let folds = (0..FOLDS).map(|fold| (select(&|f| f == fold), select(&|f| f != fold))).collect();
        Self { features, folds }
    }

    /// The features of all tickets.
    pub const fn features(&self) -> &Tensor {
        &self.features.all
    }

    /// The recipe of a diet and a weight decay.
    #[must_use]
    pub fn recipe(&self, diet: Diet, decay: f64) -> Recipe {
        Recipe { multipliers: diet.multipliers(&self.features.widths), decay }
    }

    /// The settings of one question's head, with the figures they reached.
    pub fn tune(&self, question: Question, answers: &Tensor) -> anyhow::Result<(Recipe, QuestionManifest)> {
        let classes = question.labels().len() as i64;
        let fit = |features: &Tensor, rows: &Tensor, recipe: &Recipe| {
            fit_labels(features, &answers.index_select(0, rows), classes, recipe)
        };
        let loss = |logits: &Tensor| {
            let temperature = temperature(logits, answers);
            (logits / temperature).cross_entropy_for_logits(answers).double_value(&[])
        };
        let best = self.best_trial(classes, fit, loss)?;
        Ok((self.recipe(best.diet, best.decay), manifest(question, &best, answers)))
    }

    /// The recipe of the urgency's head, and its mean absolute error.
    pub fn tune_number(&self, values: &Tensor) -> anyhow::Result<(Recipe, f64)> {
        let fit = |features: &Tensor, rows: &Tensor, recipe: &Recipe| {
            fit_number(features, &values.index_select(0, rows), recipe)
        };
        let loss =
            |output: &Tensor| (output.squeeze_dim(1) - values).abs().mean(Kind::Float).double_value(&[]);
        let best = self.best_trial(1, fit, loss)?;
        Ok((self.recipe(best.diet, best.decay), best.loss))
    }

    fn best_trial(
        &self,
        width: i64,
        fit: impl Fn(&Tensor, &Tensor, &Recipe) -> anyhow::Result<Fitted>,
        loss: impl Fn(&Tensor) -> f64,
    ) -> anyhow::Result<Trial> {
        let mut best: Option<Trial> = None;
        for (diet, decay) in DIETS.into_iter().flat_map(|diet| DECAYS.map(|decay| (diet, decay))) {
            let outputs = self.unseen(width, &self.recipe(diet, decay), &fit)?;
            let trial = Trial { diet, decay, loss: loss(&outputs), outputs };
            if best.as_ref().is_none_or(|best| trial.loss < best.loss) {
                best = Some(trial);
            }
        }
        best.context("there is nothing to try")
    }

    /// Outputs for each ticket by a head that was fitted without its fold.
    fn unseen(
        &self,
        width: i64,
        recipe: &Recipe,
        fit: impl Fn(&Tensor, &Tensor, &Recipe) -> anyhow::Result<Fitted>,
    ) -> anyhow::Result<Tensor> {
        let features = self.features();
        let mut all = Tensor::zeros([features.size()[0], width], (Kind::Float, tch::Device::Cpu));
        for (inside, outside) in self.folds.iter().filter(|(inside, _)| inside.size()[0] > 0) {
            let fitted = fit(&features.index_select(0, outside), outside, recipe)?;
            let outputs = fitted.outputs(&features.index_select(0, inside));
            let _ = all.index_copy_(0, inside, &outputs);
        }
        Ok(all)
    }
}

fn manifest(question: Question, trial: &Trial, answers: &Tensor) -> QuestionManifest {
    let (decay, logits) = (trial.decay, &trial.outputs);
    let temperature = temperature(logits, answers);
    let best = best(&(logits / temperature).softmax(-1, Kind::Float));
    let right = Vec::<i64>::try_from(answers).unwrap_or_default();
    let outcomes: Vec<_> = best.iter().zip(&right).map(|((p, label), right)| (*p, label == right)).collect();
    let confidences: Vec<_> = best.iter().map(|(confidence, _)| *confidence).collect();
    QuestionManifest {
        labels: question.labels().into_iter().map(str::to_owned).collect(),
        temperature,
        diet: trial.diet.name.to_owned(),
        decay,
        review_below: lowest_share(&confidences, REVIEW_SHARE),
        accuracy: outcomes.iter().filter(|(_, is_right)| *is_right).count() as f64
            / outcomes.len().max(1) as f64,
        calibration_error: calibration_error(&outcomes),
    }
}
