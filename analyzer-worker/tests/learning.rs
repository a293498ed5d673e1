//! Learning with the real encoder, from few tickets.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::{Mutex, PoisonError};

use analyzer_worker::{
    learning::{
        dataset::Example,
        lesson::{FIXED_LAYERS, Item, prepare},
        train::train,
        tuning::{Plan, Tuned, tune},
    },
    model::{
        adapters::Adapters,
        encoder::{Encoder, Weights},
        reading::embeddings,
        tokenizer::Tokenizer,
    },
    settings::PrecisionChoice,
};
use tch::{Kind, Tensor};

/// libtorch draws from one generator per process: whoever learns must be alone with it.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Tickets on two topics with two priorities.
fn examples() -> Vec<Example> {
    let ticket = |id: usize, description: &str, category: &str, priority: &str| {
        let line = serde_json::json!({
            "id": format!("t-{id}"), "request_type": "General", "description": description,
            "category": category, "priority": priority, "kind": "technical", "sentiment": "neutral",
            "emotion": "none", "urgency": 5, "route": "live-chat", "entities": [], "summary": description,
        });
        serde_json::from_value(line).unwrap()
    };
    let texts = [
        ("The switch in the hall is dark and the whole site stands still.", "Network", "Critical"),
        ("The access point is dead, nobody in the plant can work.", "Network", "Critical"),
        ("How do I join the guest wifi? No hurry.", "Network", "Low"),
        ("The printer prints a grey line, purely cosmetic.", "Hardware", "Low"),
        ("Where do I order a new mouse some day?", "Hardware", "Low"),
        ("All tills are dead, we had to close the shop.", "Hardware", "Critical"),
    ];
    texts
        .iter()
        .enumerate()
        .map(|(id, (text, category, priority))| ticket(id, text, category, priority))
        .collect()
}

fn plan() -> Plan {
    Plan { rounds: 8, rank: 4, update_rate: 1e-3, layer_rate: 1e-2, kind: Kind::Float, seed: 7 }
}

fn load() -> (Tokenizer, Weights) {
    let dir = support::settings(PrecisionChoice::F32).model_dir;
    (Tokenizer::load(&dir).unwrap(), Weights::load(&dir).unwrap())
}

fn learn(weights: &Weights, items: &[Item<'_>]) -> (Tuned, Vec<f64>) {
    let losses = std::cell::RefCell::new(Vec::new());
    let items: Vec<_> = items.iter().collect();
    let tuned = tune(weights, &items, plan(), |loss| losses.borrow_mut().push(loss)).unwrap();
    (tuned, losses.into_inner())
}

fn encoder(weights: &Weights, tuned: &Tuned) -> Encoder {
    let (adapters, named) = (Adapters::new(&tuned.0), weights.named());
    weights.assemble(Kind::Float, &|name| adapters.applied(name, &named[name]))
}

#[test]
fn what_is_learned_fits_the_tickets_and_stays_near_what_was_known() {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    let ((tokenizer, weights), examples) = (load(), examples());
    let items = tch::no_grad(|| prepare(&examples, &tokenizer, &weights.encoder(Kind::Float))).unwrap();
    let (tuned, losses) = learn(&weights, &items);
    assert!(losses.last().unwrap() < &(losses[0] * 0.7), "{losses:?}");
    let states =
        |item: &Item<'_>| Tensor::cat(&encoder(&weights, &tuned).upper(&item.lower, FIXED_LAYERS), 0);
    let pieces: Vec<_> = items.iter().map(|item| item.pieces.clone()).collect();
    let after = tch::no_grad(|| embeddings(&pieces, &items.iter().map(states).collect::<Vec<_>>()));
    let before: Vec<&Tensor> = items.iter().map(|item| &item.before).collect();
    let cosines = (after * Tensor::stack(&before, 0)).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    let (least, most) = (cosines.min().double_value(&[]), cosines.max().double_value(&[]));
    assert!(least > 0.9 && most < 0.999_999, "{least} to {most}");
}

#[test]
fn the_same_seed_learns_the_same() {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    let ((tokenizer, weights), examples) = (load(), examples());
    let items = tch::no_grad(|| prepare(&examples, &tokenizer, &weights.encoder(Kind::Float))).unwrap();
    assert_eq!(learn(&weights, &items).1, learn(&weights, &items).1);
}

#[test]
fn a_verdict_that_is_missing_is_missed_before_anything_is_learned() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let verdict = format!("{dir}/verdict.json");
    // Tickets and model, which are read later, are missing too.
    let settings =
        support::train_settings(&["--data", dir, "--model-dir", dir, "--out", dir, "--verdict", &verdict]);
    let error = train(&settings, chrono::NaiveDate::default()).unwrap_err();
    assert!(format!("{error:#}").contains("verdict.json"), "{error:#}");
}
