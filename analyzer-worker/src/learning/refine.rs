//! `analyzer-worker train --corrections`: what people corrected, learned into the heads there are.
//!
//! Learning everything anew takes far longer than a few tickets are worth. This goes on from the weights, gently, with the
//! corrected tickets and some of the labelled ones, so that what these taught is not forgotten. A fifth of the corrected ones
//! is set aside: after each round they are answered, and where that gets no better it ends, and the best round counts. They
//! are never those that decide about a promotion, which nothing here sees.
//!
//! Temperatures, thresholds and the figures beside them stay those of the heads it begins from: they take models that have not
//! seen the labelled tickets.

use anyhow::ensure;
use tch::{Device, Kind, Reduction, Tensor, nn};

use super::{
    cross_validation::Figures,
    dataset::{self, Example},
    kept::keep,
    lesson::{Item, NO_ANSWER, prepare},
    progress::progress,
    split,
    train::TrainSettings,
    tuning::{Mean, Plan, Pupil, Tuned, balance, batches, optimizer},
};
use crate::{
    labels::Question,
    model::{
        adapters::DOWN,
        encoder::Weights,
        heads::{KNOWN, Manifest, load_tensors},
        tokenizer::Tokenizer,
    },
};

/// Share of the rates that everything is learned anew with.
const GENTLY: f64 = 0.1;
/// Steps it takes to reach them.
const WARM_UP: usize = 10;
/// Labelled tickets to a corrected one.
const REHEARSED: usize = 4;
/// Labelled tickets at least, if there are as many.
const REHEARSED_AT_LEAST: usize = 400;
/// Parts of the corrected tickets, one of which is set aside.
const PARTS: u64 = 5;
/// With fewer set aside, chance would decide when to end: all are learned from then, in all rounds.
const SET_ASIDE_AT_LEAST: usize = 5;

/// Learns corrected tickets into the heads of the settings and writes the outcome. Returns how those set aside were answered
/// before and after.
pub(super) fn refine(
    settings: &TrainSettings,
    labelled: Vec<Example>,
    corrected: Vec<Example>,
    today: chrono::NaiveDate,
) -> anyhow::Result<(Figures, Manifest)> {
    ensure!(!corrected.is_empty(), "all corrected tickets are held out: there is nothing to learn");
    let (manifest, mut known) = load_tensors(&settings.model.heads_dir)?;
    // Only the weights are gone on from.
    known.remove(KNOWN);
    let known = Tuned(known);
    // Of one text, the correction is what counts.
    let mut labelled = dataset::not_among(labelled, &corrected);
    let (learned, set_aside) = divide(corrected);
    let rehearsed = rehearsed(&labelled, learned.len());
    tracing::info!(
        corrected = learned.len(),
        rehearsed = rehearsed.len(),
        set_aside = set_aside.len(),
        "training from the weights there are"
    );
    let plan = plan(settings.plan(), &known);
    let (tokenizer, weights) =
        (Tokenizer::load(&settings.model.model_dir)?, Weights::load(&settings.model.model_dir)?);
    let lesson = [learned.as_slice(), &rehearsed].concat();
    let prepare = |examples| tch::no_grad(|| prepare(examples, &tokenizer, &weights.encoder(plan.kind)));
    let outcome = learn(&weights, &known, &prepare(&lesson)?, &prepare(&set_aside)?, plan)?;
    let trained_on = manifest.trained_on + learned.len();
    labelled.extend(learned);
    let figures = outcome.figures();
    let manifest = keep(settings, outcome.tuned, &labelled, Manifest { trained_on, ..manifest }, today)?;
    Ok((figures, manifest))
}

/// Those to learn from, and those set aside.
fn divide(corrected: Vec<Example>) -> (Vec<Example>, Vec<Example>) {
    let is_aside = |example: &Example| split::fold(&example.id, PARTS) == 0;
    if corrected.iter().filter(|example| is_aside(example)).count() < SET_ASIDE_AT_LEAST {
        return (corrected, Vec::new());
    }
    corrected.into_iter().partition(|example| !is_aside(example))
}

/// Some of the labelled tickets, from all over them.
fn rehearsed(labelled: &[Example], corrected: usize) -> Vec<Example> {
    let wanted = (corrected * REHEARSED).max(REHEARSED_AT_LEAST);
    labelled.iter().step_by((labelled.len() / wanted).max(1)).cloned().collect()
}

/// The same, gently, with updates as thick as there are.
fn plan(anew: Plan, known: &Tuned) -> Plan {
    let thickness = known.0.iter().find(|(name, _)| name.ends_with(DOWN)).map(|(_, down)| down.size()[0]);
    Plan {
        rank: thickness.unwrap_or(anew.rank),
        update_rate: anew.update_rate * GENTLY,
        layer_rate: anew.layer_rate * GENTLY,
        ..anew
    }
}

/// What came of it.
pub struct Outcome {
    /// The weights of the best round, or those it began with.
    pub tuned: Tuned,
    /// How wrong the tickets set aside were answered in the beginning and after each round; empty where none are.
    pub errors: Vec<f64>,
}

impl Outcome {
    fn figures(&self) -> Figures {
        let best = self.errors.iter().copied().reduce(f64::min);
        let before = self.errors.first().map(|error| ("error set aside, before".to_owned(), *error));
        before.into_iter().chain(best.map(|error| ("error set aside, after".to_owned(), error))).collect()
    }

    /// Takes the weights of a round, unless the tickets set aside were answered as well before.
    fn improve(&mut self, tuned: Tuned, error: Option<f64>) -> bool {
        let is_better = error.is_none_or(|error| self.errors.iter().all(|before| error < *before));
        self.errors.extend(error);
        if is_better {
            self.tuned = tuned;
        }
        is_better
    }
}

/// Learns from `lesson` until `set_aside` is answered no better, or the plan's rounds are over.
pub fn learn(
    weights: &Weights,
    known: &Tuned,
    lesson: &[Item<'_>],
    set_aside: &[Item<'_>],
    plan: Plan,
) -> anyhow::Result<Outcome> {
    tch::manual_seed(plan.seed);
    let variables = nn::VarStore::new(Device::Cpu);
    let pupil = Pupil::new(weights, &variables, plan)?;
    pupil.begin_from(known)?;
    let (mut optimizer, lesson) = (optimizer(&variables, plan)?, lesson.iter().collect::<Vec<_>>());
    let balance = balance(&lesson);
    let errors = error(weights, known, plan.kind, set_aside)?.into_iter().collect();
    let mut outcome = Outcome { tuned: known.shared(), errors };
    let bar = progress("learning", plan.steps(lesson.len()));
    let mut step = 0;
    for round in 1..=plan.rounds {
        let mut mean = Mean::default();
        for batch in batches(&lesson)? {
            let loss = pupil.step(&mut optimizer, &batch, &balance, rate(step));
            tch::no_grad(|| mean.add(&pupil.tensors));
            bar.set_message(format!("at most, loss {loss:.2}"));
            bar.inc(1);
            step += 1;
        }
        let tuned = mean.tuned();
        let error = error(weights, &tuned, plan.kind, set_aside)?;
        tracing::info!(round, rounds = plan.rounds, error, seconds_left = bar.eta().as_secs(), "learned");
        if !outcome.improve(tuned, error) {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(outcome)
}

/// Share of the highest rates at a step: up at first, then even, because nobody knows yet which round is the last one.
fn rate(step: usize) -> f64 {
    ((step + 1) as f64 / WARM_UP as f64).min(1.0)
}

/// How far the answers about tickets are from the right ones: the mean cross-entropy of all questions; none without tickets.
fn error(weights: &Weights, tuned: &Tuned, kind: Kind, items: &[Item<'_>]) -> anyhow::Result<Option<f64>> {
    if items.is_empty() {
        return Ok(None);
    }
    let (encoder, net) = tuned.model(weights, kind)?;
    let of_item = |item: &Item<'_>| {
        let states = item.states(&encoder);
        let outputs = net.decide(std::slice::from_ref(&states), &item.features);
        let each = Question::ALL.into_iter().zip(item.answers).map(|(question, answer)| {
            let (logits, answer) = (&outputs.questions[&question], Tensor::from_slice(&[answer]));
            logits
                .cross_entropy_loss(&answer, None::<&Tensor>, Reduction::Mean, NO_ANSWER, 0.0)
                .double_value(&[])
        });
        each.sum::<f64>() / Question::ALL.len() as f64
    };
    Ok(Some(tch::no_grad(|| items.iter().map(of_item).sum::<f64>()) / items.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(count: usize) -> Vec<Example> {
        let example = |n: usize| {
            let line = serde_json::json!({
                "id": format!("own-{n:03}"), "request_type": "Network", "description": "The switch is dark.",
                "category": "Network", "priority": "Low", "kind": "technical", "sentiment": "neutral",
                "emotion": "none", "urgency": 2, "route": "live-chat", "entities": [], "summary": "Dark.",
            });
            serde_json::from_value(line).unwrap()
        };
        (0..count).map(example).collect()
    }

    #[test]
    fn about_a_fifth_of_the_corrected_is_set_aside_and_none_where_they_are_few() {
        let (learned, aside) = divide(examples(200));
        assert!((25..=55).contains(&aside.len()) && learned.len() + aside.len() == 200, "{}", aside.len());
        assert!(learned.iter().all(|example| aside.iter().all(|other| other.id != example.id)));
        let (learned, aside) = divide(examples(10));
        assert_eq!((learned.len(), aside.len()), (10, 0));
    }

    #[test]
    fn a_round_counts_where_it_is_better_than_all_before() {
        let weights = |n: i64| Tuned([("n".to_owned(), Tensor::from_slice(&[n]))].into());
        let mut outcome = Outcome { tuned: weights(0), errors: vec![0.5] };
        let ended = [(1, 0.4), (2, 0.3), (3, 0.3), (4, f64::NAN), (5, 0.35)]
            .map(|(round, error)| !outcome.improve(weights(round), Some(error)));
        assert_eq!(ended, [false, false, true, true, true]);
        assert_eq!(outcome.tuned.0["n"].int64_value(&[0]), 2);
        assert_eq!(outcome.figures().into_values().collect::<Vec<_>>(), [0.3, 0.5]);
        assert!(outcome.improve(weights(6), None), "nothing is set aside: every round counts");
    }

    #[test]
    fn labelled_tickets_are_rehearsed_from_all_over_and_not_many_more_than_needed() {
        let all = examples(999);
        let some = rehearsed(&all, 10);
        assert!((400..=800).contains(&some.len()), "{}", some.len());
        assert_eq!(some[1].id, "own-002");
        assert_eq!(rehearsed(&all[..5], 10).len(), 5);
    }
}
