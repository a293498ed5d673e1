//! Fine-tuning: the layers on the encoder and the encoder's updates learn together, from all questions at once, so
//! that what one question teaches about tickets serves the others.
//!
//! Four things keep few tickets from being learned by heart: the updates are thin, word pieces and the form's
//! answer are hidden at random, the mean of a text's states is held near what it was before, which also keeps it good
//! for similarity, and what is kept is the mean of the later steps, not where the last one happened to end.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tch::{Device, Kind, Reduction, Tensor, nn, nn::OptimizerConfig as _};

use super::lesson::{FIXED_LAYERS, Item, NO_ANSWER, states};
use crate::{
    labels::Question,
    model::{
        adapters::{Adapters, DOWN, SHIFT, UP},
        encoder::{Encoder, Weights},
        features::FORM,
        heads::shape,
        net::{Misfit, Net},
        reading::embeddings,
    },
};

/// Tickets of one step.
const BATCH: usize = 16;
/// How much the category counts beside each of the other questions: whoever gets the ticket by mistake costs most.
const CATEGORY_WEIGHT: f64 = 2.5;
/// Share of the steps after which the weights are averaged.
const AVERAGED_FROM: f64 = 0.5;
/// Groups of variables that learn at their own rates.
const LAYERS: usize = 0;
const UPDATES: usize = 1;

/// How to fine-tune.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Times every ticket is seen.
    pub rounds: usize,
    /// Thickness of the encoder's updates.
    pub rank: i64,
    /// Highest rate of the updates.
    pub update_rate: f64,
    /// Highest rate of the layers.
    pub layer_rate: f64,
    /// Number format of the passes; the weights themselves are learned in f32.
    pub kind: Kind,
    /// What everything random follows from.
    pub seed: i64,
}

impl Plan {
    /// Steps it takes to learn from this many tickets.
    #[must_use]
    pub const fn steps(&self, tickets: usize) -> usize {
        self.rounds * tickets.div_ceil(BATCH)
    }
}

/// Weights of the layers and updates of the encoder, by name.
pub struct Tuned(pub BTreeMap<String, Tensor>);

impl Tuned {
    /// The same tensors under another owner.
    pub(super) fn shared(&self) -> Self {
        Self(self.0.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect())
    }

    /// The encoder with its updates, and the layers on it.
    pub fn model(&self, weights: &Weights, kind: Kind) -> Result<(Encoder, Net), Misfit> {
        let (adapters, named) = (Adapters::new(&self.0), weights.named());
        let encoder = weights.assemble(kind, &|name| adapters.applied(name, &named[name]).to_kind(kind));
        let net = Net::new(self.shared().0, &shape(encoder.dimension()))?;
        Ok((encoder, net))
    }
}

/// What is being learned.
pub(super) struct Pupil<'w> {
    weights: &'w Weights,
    /// The encoder's own weights; those that get no updates already in the format of the passes.
    base: BTreeMap<String, Tensor>,
    plan: Plan,
    pub(super) tensors: BTreeMap<String, Tensor>,
    adapters: Adapters,
    net: Net,
}

/// Learns from tickets; the same seed learns the same, as long as nothing else of the process draws from libtorch's
/// generator meanwhile. `done` hears the loss of each step.
pub fn tune(weights: &Weights, items: &[&Item<'_>], plan: Plan, done: impl Fn(f64)) -> anyhow::Result<Tuned> {
    tch::manual_seed(plan.seed);
    let variables = nn::VarStore::new(Device::Cpu);
    let pupil = Pupil::new(weights, &variables, plan)?;
    let mut optimizer = optimizer(&variables, plan)?;
    let steps = plan.steps(items.len());
    let balance = balance(items);
    let mut mean = Mean::default();
    let mut step = 0;
    for round in 1..=plan.rounds {
        let mut sum = 0.0;
        for batch in batches(items)? {
            let loss = pupil.step(&mut optimizer, &batch, &balance, rate(step, steps));
            done(loss);
            sum += loss * batch.len() as f64 / items.len() as f64;
            step += 1;
            if step as f64 > AVERAGED_FROM * steps as f64 {
                tch::no_grad(|| mean.add(&pupil.tensors));
            }
        }
        tracing::info!(round, rounds = plan.rounds, loss = sum, "learned");
    }
    Ok(mean.tuned())
}

pub(super) fn optimizer(variables: &nn::VarStore, plan: Plan) -> Result<nn::Optimizer, tch::TchError> {
    nn::AdamW { wd: 0.01, ..nn::AdamW::default() }.build(variables, plan.layer_rate)
}

/// The tickets of a round, in an order of its own.
pub(super) fn batches<'a, 'e>(items: &[&'a Item<'e>]) -> anyhow::Result<Vec<Vec<&'a Item<'e>>>> {
    let order = Tensor::randperm(items.len() as i64, (Kind::Int64, Device::Cpu));
    let order: Vec<_> = Vec::<i64>::try_from(order)?.into_iter().map(|index| items[index as usize]).collect();
    Ok(order.chunks(BATCH).map(<[_]>::to_vec).collect())
}

/// The mean of the weights after several steps.
#[derive(Default)]
pub(super) struct Mean {
    sums: BTreeMap<String, Tensor>,
    count: u32,
}

impl Mean {
    pub(super) fn add(&mut self, tensors: &BTreeMap<String, Tensor>) {
        for (name, tensor) in tensors {
            let sum = self.sums.entry(name.clone()).or_insert_with(|| tensor.zeros_like());
            *sum += tensor;
        }
        self.count += 1;
    }

    pub(super) fn tuned(self) -> Tuned {
        let count = f64::from(self.count);
        Tuned(self.sums.into_iter().map(|(name, sum)| (name, sum / count)).collect())
    }
}

/// Share of the highest rate at a step: up over the first tenth, then down to nothing.
fn rate(step: usize, steps: usize) -> f64 {
    let position = (step + 1) as f64 / steps as f64;
    if position < 0.1 { position / 0.1 } else { (1.0 - position) / 0.9 }.max(0.01)
}

/// Weights of each question's labels: rare ones count more, by the root of how rare they are.
pub(super) fn balance(items: &[&Item<'_>]) -> Vec<Tensor> {
    let of = |(index, question): (usize, Question)| {
        let labels = question.labels().len();
        let count = |label: usize| items.iter().filter(|item| item.answers[index] == label as i64).count();
        let even = items.len() as f32 / labels as f32;
        let weights: Vec<f32> = (0..labels).map(|label| (even / count(label).max(1) as f32).sqrt()).collect();
        Tensor::from_slice(&weights)
    };
    Question::ALL.into_iter().enumerate().map(of).collect()
}

impl<'w> Pupil<'w> {
    pub(super) fn new(weights: &'w Weights, variables: &nn::VarStore, plan: Plan) -> anyhow::Result<Self> {
        let base: BTreeMap<_, _> = weights
            .named()
            .into_iter()
            .map(|(name, tensor)| {
                let tensor = if is_updated(&name) { tensor } else { tensor.to_kind(plan.kind) };
                (name, tensor)
            })
            .collect();
        let mut tensors = updates(&base, variables, plan.rank);
        let dimension = base["embeddings.LayerNorm.weight"].size()[0];
        for (name, dimensions) in shape(dimension).tensors() {
            let init = if name.ends_with("weight") { 0.02 } else { 0.0 };
            tensors.insert(name.clone(), variable(variables, LAYERS, &name, &dimensions, init));
        }
        let shared = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.shallow_clone());
        let net = Net::new(tensors.iter().map(shared).collect(), &shape(dimension))?;
        let adapters = Adapters::new(&tensors);
        Ok(Self { weights, base, plan, tensors, adapters, net })
    }

    /// Goes on from what others have learned, if it has the same form.
    pub(super) fn begin_from(&self, known: &Tuned) -> anyhow::Result<()> {
        for (name, tensor) in &self.tensors {
            let known = known.0.get(name).filter(|known| known.size() == tensor.size());
            let known = known.with_context(|| format!("no tensor {name} that fits"))?;
            tch::no_grad(|| tensor.shallow_clone().copy_(known));
        }
        Ok(())
    }

    /// Learns from a few tickets at a share of the highest rates, and says what the loss was.
    pub(super) fn step(
        &self,
        optimizer: &mut nn::Optimizer,
        batch: &[&Item<'_>],
        balance: &[Tensor],
        share: f64,
    ) -> f64 {
        optimizer.set_lr_group(LAYERS, self.plan.layer_rate * share);
        optimizer.set_lr_group(UPDATES, self.plan.update_rate * share);
        let loss = self.loss(batch, balance);
        optimizer.backward_step_clip_norm(&loss, 1.0);
        loss.double_value(&[])
    }

    fn encoder(&self) -> Encoder {
        let get = |name: &str| self.adapters.applied(name, &self.base[name]).to_kind(self.plan.kind);
        self.weights.assemble(self.plan.kind, &get)
    }

    fn loss(&self, batch: &[&Item<'_>], balance: &[Tensor]) -> Tensor {
        let lower: Vec<_> = batch.iter().flat_map(|item| &item.lower).map(with_hidden_pieces).collect();
        let states = states(&self.encoder(), &lower);
        let lengths: Vec<_> = batch.iter().map(|item| item.pieces.offsets.len() as i64).collect();
        let states = states.split_with_sizes(&lengths, 0);
        let kept = near_before(batch, &states);
        let states: Vec<_> = states.iter().map(|states| states.dropout(0.1, true)).collect();
        self.decisions(batch, &states, balance)
            + self.tagging(batch, &states)
            + self.quoting(batch, &states)
            + kept
    }

    fn decisions(&self, batch: &[&Item<'_>], states: &[Tensor], balance: &[Tensor]) -> Tensor {
        let features: Vec<_> = batch.iter().map(|item| item.features.shallow_clone()).collect();
        let outputs = self.net.decide(states, &with_hidden_form(&Tensor::cat(&features, 0)));
        let urgency: Vec<_> = batch.iter().map(|item| f32::from(item.example.urgency)).collect();
        let mut loss = (outputs.urgency - Tensor::from_slice(&urgency)).square().mean(Kind::Float) * 0.05;
        for (index, question) in Question::ALL.into_iter().enumerate() {
            let answers: Vec<_> = batch.iter().map(|item| item.answers[index]).collect();
            let (logits, answers) = (&outputs.questions[&question], Tensor::from_slice(&answers));
            let weight = if question == Question::Category { CATEGORY_WEIGHT } else { 1.0 };
            let balance = Some(&balance[index]);
            loss += logits.cross_entropy_loss(&answers, balance, Reduction::Mean, NO_ANSWER, 0.05) * weight;
            if question == Question::Priority {
                loss += distance(logits, &answers);
            }
        }
        loss
    }

    fn tagging(&self, batch: &[&Item<'_>], states: &[Tensor]) -> Tensor {
        let logits: Vec<_> = batch
            .iter()
            .zip(states)
            .map(|(item, states)| self.net.tag(states, &with_hidden_patterns(&item.marks)))
            .collect();
        let tags: Vec<_> = batch.iter().map(|item| &item.tags).collect();
        let (logits, tags) = (Tensor::cat(&logits, 0), Tensor::cat(&tags, 0));
        logits.cross_entropy_loss(&tags, None::<&Tensor>, Reduction::Mean, NO_ANSWER, 0.0) * 4.0
    }

    fn quoting(&self, batch: &[&Item<'_>], states: &[Tensor]) -> Tensor {
        let losses: Vec<_> = batch
            .iter()
            .zip(states)
            .filter_map(|(item, states)| {
                let salience = self.net.salience(&item.passages.means(states), &item.passages.places());
                Some(salience.unsqueeze(0).cross_entropy_for_logits(item.quoted.as_ref()?))
            })
            .collect();
        let none = Tensor::zeros([], (Kind::Float, Device::Cpu));
        losses.iter().fold(none, |sum, loss| sum + loss) * (0.3 / batch.len() as f64)
    }
}

/// How far the embeddings have moved from where they were.
fn near_before(batch: &[&Item<'_>], states: &[Tensor]) -> Tensor {
    let before: Vec<_> = batch.iter().map(|item| &item.before).collect();
    let pieces: Vec<_> = batch.iter().map(|item| item.pieces.clone()).collect();
    let cosines = (embeddings(&pieces, states) * Tensor::stack(&before, 0)).sum_dim_intlist(
        [1i64].as_slice(),
        false,
        Kind::Float,
    );
    (1.0 - cosines.mean(Kind::Float)) * 1.0
}

/// How far the probabilities of ascending labels are from the right one: off by two costs more than off by one.
fn distance(logits: &Tensor, answers: &Tensor) -> Tensor {
    let labels = logits.size()[1];
    let reached = logits.softmax(-1, Kind::Float).cumsum(1, Kind::Float);
    let steps = Tensor::arange(labels, (Kind::Int64, Device::Cpu)).unsqueeze(0);
    let right = steps.ge_tensor(&answers.unsqueeze(1)).to_kind(Kind::Float);
    (reached - right).square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float).mean(Kind::Float)
}

/// States of which one piece in twelve says nothing.
fn with_hidden_pieces(states: &Tensor) -> Tensor {
    let kept = Tensor::rand([states.size()[0], 1], (Kind::Float, Device::Cpu)).gt(0.08);
    states * kept.to_kind(states.kind())
}

/// Features of which one ticket in five has not said anything in the form.
fn with_hidden_form(features: &Tensor) -> Tensor {
    let kept = Tensor::rand([features.size()[0], 1], (Kind::Float, Device::Cpu)).gt(0.2).to_kind(Kind::Float);
    let form = features.narrow(1, 0, FORM) * kept;
    Tensor::cat(&[form, features.narrow(1, FORM, features.size()[1] - FORM)], 1)
}

/// Marks of which one ticket in four has none of the patterns: they are better on the tickets they were written
/// for than on others.
fn with_hidden_patterns(marks: &Tensor) -> Tensor {
    let patterns = 2 * crate::labels::ENTITIES.len() as i64;
    let shapes = marks.size()[1] - patterns;
    let keep = Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]) > 0.25;
    let patterns = marks.narrow(1, shapes, patterns) * f64::from(u8::from(keep));
    Tensor::cat(&[marks.narrow(1, 0, shapes), patterns], 1)
}

/// Whether a weight gets an update: everything in the upper layers does.
fn is_updated(name: &str) -> bool {
    let layer = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split('.').next());
    layer.and_then(|layer| layer.parse().ok()).is_some_and(|layer: usize| layer >= FIXED_LAYERS)
}

fn updates(base: &BTreeMap<String, Tensor>, variables: &nn::VarStore, rank: i64) -> BTreeMap<String, Tensor> {
    let mut updates = BTreeMap::new();
    for (name, tensor) in base.iter().filter(|(name, _)| is_updated(name)) {
        let mut add = |ending: &str, dimensions: &[i64], spread: f64| {
            let name = format!("{name}.{ending}");
            updates.insert(name.clone(), variable(variables, UPDATES, &name, dimensions, spread));
        };
        match tensor.size().as_slice() {
            &[outputs, inputs] => {
                add(DOWN, &[rank, inputs], 2.0 / (inputs as f64).sqrt());
                add(UP, &[outputs, rank], 0.0);
            }
            dimensions => add(SHIFT, dimensions, 0.0),
        }
    }
    updates
}

/// A variable that starts as noise of this spread.
fn variable(variables: &nn::VarStore, group: usize, name: &str, dimensions: &[i64], spread: f64) -> Tensor {
    let (parents, last) = name.rsplit_once('.').unwrap_or(("", name));
    let path = parents.split('.').fold(variables.root(), |path, part| path / part).set_group(group);
    if spread == 0.0 { path.zeros(last, dimensions) } else { path.randn(last, dimensions, 0.0, spread) }
}
