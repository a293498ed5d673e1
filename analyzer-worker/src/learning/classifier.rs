//! Fitting one head: a linear layer by full-batch Adam from zero. The problem is convex and nothing is drawn at
//! random, so the same tickets always give the same weights.
//!
//! A head is fitted to scaled features; the scale then goes into the weights, so that whoever uses them need not
//! know it.

use tch::{Device, Kind, Tensor, nn, nn::OptimizerConfig as _};

/// Steps until the weights stand still.
const STEPS: usize = 400;
/// Adam's step size.
const RATE: f64 = 0.05;

/// A fitted linear layer.
pub struct Fitted {
    /// `[outputs, features]`
    pub weight: Tensor,
    /// `[outputs]`
    pub bias: Tensor,
}

impl Fitted {
    /// Raw outputs, `[tickets, outputs]`.
    pub fn outputs(&self, features: &Tensor) -> Tensor {
        features.linear(&self.weight, Some(&self.bias))
    }
}

/// How a head is fitted.
pub struct Recipe {
    /// One multiplier per feature.
    pub multipliers: Tensor,
    /// Weight decay.
    pub decay: f64,
}

/// Fits probabilities of `classes` labels to `answers` (label indices).
pub fn fit_labels(
    features: &Tensor,
    answers: &Tensor,
    classes: i64,
    recipe: &Recipe,
) -> anyhow::Result<Fitted> {
    fit(features, classes, recipe, |logits| logits.cross_entropy_for_logits(answers))
}

/// Fits one number per ticket to `values`.
pub fn fit_number(features: &Tensor, values: &Tensor, recipe: &Recipe) -> anyhow::Result<Fitted> {
    fit(features, 1, recipe, |output| output.squeeze_dim(1).mse_loss(values, tch::Reduction::Mean))
}

fn fit(
    features: &Tensor,
    outputs: i64,
    recipe: &Recipe,
    loss: impl Fn(&Tensor) -> Tensor,
) -> anyhow::Result<Fitted> {
    let variables = nn::VarStore::new(Device::Cpu);
    let weight = variables.root().zeros("weight", &[outputs, features.size()[1]]);
    let bias = variables.root().zeros("bias", &[outputs]);
    let mut adam = nn::Adam::default().build(&variables, RATE)?;
    let scaled = features * &recipe.multipliers;
    for _ in 0..STEPS {
        let fitting = loss(&scaled.linear(&weight, Some(&bias)));
        let penalty = weight.square().sum(Kind::Float) * recipe.decay;
        adam.backward_step(&(fitting + penalty));
    }
    Ok(Fitted { weight: weight.detach() * &recipe.multipliers, bias: bias.detach().copy() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> (Tensor, Tensor, Recipe) {
        let features = Tensor::from_slice(&[1f32, 0., 0.9, 0.1, 0., 1., 0.2, 0.8]).view([4, 2]);
        let recipe = Recipe { multipliers: Tensor::from_slice(&[2f32, 2.]), decay: 1e-3 };
        (features, Tensor::from_slice(&[0i64, 0, 1, 1]), recipe)
    }

    #[test]
    fn the_same_tickets_give_the_same_weights() {
        let (features, answers, recipe) = lesson();
        let once = fit_labels(&features, &answers, 2, &recipe).unwrap();
        let again = fit_labels(&features, &answers, 2, &recipe).unwrap();
        assert!(once.weight.equal(&again.weight) && once.bias.equal(&again.bias));
    }

    #[test]
    fn a_fitted_head_needs_no_scaled_features() {
        let (features, answers, recipe) = lesson();
        let fitted = fit_labels(&features, &answers, 2, &recipe).unwrap();
        assert!(fitted.outputs(&features).argmax(-1, false).equal(&answers));
    }

    #[test]
    fn a_number_is_fitted_too() {
        let (features, _, recipe) = lesson();
        let values = Tensor::from_slice(&[1f32, 1., 5., 5.]);
        let fitted = fit_number(&features, &values, &recipe).unwrap();
        let error = (fitted.outputs(&features).squeeze_dim(1) - &values).abs().max().double_value(&[]);
        assert!(error < 1.0, "{error}");
    }
}
