//! Fitting one linear layer to embeddings: full-batch Adam from zero, stopped where tickets set aside are answered
//! best. Nothing is drawn at random, so the same tickets always give the same weights.

use tch::{Device, Kind, Tensor, nn, nn::OptimizerConfig as _};

use super::progress::progress;

/// Steps at most.
const STEPS: usize = 600;
/// Steps between two looks at the tickets set aside.
const LOOK: usize = 10;
/// Looks without anything better until it stops.
const PATIENCE: usize = 6;
/// Adam's step size.
const RATE: f64 = 0.05;
/// Embeddings have length 1: fed larger, the layer needs no large weights.
const SCALE: f64 = 8.0;
/// Weight decay.
const DECAY: f64 = 2e-5;

/// A fitted linear layer.
pub struct Fitted {
    /// `[outputs, dimension]`
    pub weight: Tensor,
    /// `[outputs]`
    pub bias: Tensor,
}

impl Fitted {
    /// Raw outputs, `[tickets, outputs]`.
    pub fn outputs(&self, embeddings: &Tensor) -> Tensor {
        embeddings.linear(&self.weight, Some(&self.bias))
    }
}

/// Fits probabilities of `classes` labels to (embeddings, label indices), until the ones set aside stop gaining.
pub fn fit_labels(
    learned: (&Tensor, &Tensor),
    set_aside: (&Tensor, &Tensor),
    classes: i64,
) -> anyhow::Result<Fitted> {
    let variables = nn::VarStore::new(Device::Cpu);
    let weight = variables.root().zeros("weight", &[classes, learned.0.size()[1]]);
    let bias = variables.root().zeros("bias", &[classes]);
    let mut adam = nn::Adam::default().build(&variables, RATE)?;
    let scaled = learned.0 * SCALE;
    let bar = progress("fitting", STEPS);
    let (mut best, mut least, mut looks) = (None, f64::INFINITY, 0);
    for step in 1..=STEPS {
        let loss = scaled.linear(&weight, Some(&bias)).cross_entropy_for_logits(learned.1);
        adam.backward_step(&(loss + weight.square().sum(Kind::Float) * DECAY));
        bar.inc(1);
        if step % LOOK != 0 {
            continue;
        }
        let fitted = Fitted { weight: weight.detach() * SCALE, bias: bias.detach().copy() };
        let loss = fitted.outputs(set_aside.0).cross_entropy_for_logits(set_aside.1).double_value(&[]);
        bar.set_message(format!("loss set aside {loss:.3}"));
        looks += 1;
        if loss < least {
            (best, least, looks) = (Some(fitted), loss, 0);
        }
        if looks == PATIENCE {
            break;
        }
    }
    bar.finish_and_clear();
    best.ok_or_else(|| anyhow::anyhow!("the loss is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> (Tensor, Tensor) {
        let embeddings = Tensor::from_slice(&[1f32, 0., 0.9, 0.1, 0., 1., 0.2, 0.8]).view([4, 2]);
        (embeddings, Tensor::from_slice(&[0i64, 0, 1, 1]))
    }

    #[test]
    fn the_same_tickets_give_the_same_weights() {
        let (embeddings, answers) = lesson();
        let fit = || fit_labels((&embeddings, &answers), (&embeddings, &answers), 2).unwrap();
        let (once, again) = (fit(), fit());
        assert!(once.weight.equal(&again.weight) && once.bias.equal(&again.bias));
        assert!(once.outputs(&embeddings).argmax(-1, false).equal(&answers));
    }

    #[test]
    fn it_stops_where_tickets_set_aside_are_answered_best() {
        let (embeddings, answers) = lesson();
        // What is set aside contradicts what is learned: the first look is the best one.
        let swapped = 1i64 - &answers;
        let early = fit_labels((&embeddings, &answers), (&embeddings, &swapped), 2).unwrap();
        let late = fit_labels((&embeddings, &answers), (&embeddings, &answers), 2).unwrap();
        assert!(early.weight.abs().max().double_value(&[]) < late.weight.abs().max().double_value(&[]));
    }
}
