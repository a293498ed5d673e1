//! A team's own label sets, from a CSV file to an answer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{fs, path::Path};

use analyzer_worker::{
    analyst::Analyst,
    engine::Engine,
    learning::own::train_own,
    model::own::MANIFEST_FILE,
    settings::{ModelSettings, PrecisionChoice},
};

/// Texts that tell milk from bread, with a comma and a quote in them as exports have.
fn csv() -> String {
    let milk =
        ["sour", "cold", "spilled", "fresh", "frozen", "warm", "lumpy", "skimmed", "late", "expensive"];
    let places =
        ["today", "on monday", "in the canteen", "at the \"\"corner\"\" shop", "for the second time"];
    let rows = milk.iter().flat_map(|how| {
        places.iter().flat_map(move |place| {
            [
                format!("\"the milk, as always, was {how} {place}\",milk"),
                format!("\"our bread came {how} {place}, the loaf was hard\",bread"),
            ]
        })
    });
    format!("text,topic\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

fn learn(dir: &Path) -> ModelSettings {
    let model = support::settings(PrecisionChoice::F32);
    let (data, dir_name) = (dir.join("tickets.csv"), dir.to_str().unwrap());
    fs::write(&data, csv()).unwrap();
    let train = support::train_settings(&[
        "--labels",
        "topic",
        "--data",
        data.to_str().unwrap(),
        "--out",
        dir_name,
        "--model-dir",
        model.model_dir.to_str().unwrap(),
    ]);
    let manifest = train_own(&train).unwrap();
    assert_eq!(manifest.questions["topic"].labels, ["bread", "milk"]);
    assert!(manifest.questions["topic"].accuracy > 0.8, "{manifest:?}");
    // Where they are when nobody says otherwise: beside the heads.
    support::copy_heads(&model.heads_dir, dir);
    ModelSettings { heads_dir: dir.to_owned(), ..model }
}

#[tokio::test]
async fn own_labels_are_learned_from_a_table_and_served() {
    let dir = tempfile::tempdir().unwrap();
    let settings = learn(dir.path());
    let analyst = Analyst::load(&settings).unwrap();
    let request = support::request("Someone put a crate of milk in front of the server room.");
    let answer = tch::no_grad(|| analyst.analyze(&[&request])).unwrap().remove(0);
    assert_eq!(answer.own["topic"].label, "milk");

    // A promoted model answers the standard questions, and nothing else changes.
    let promoted = tempfile::tempdir().unwrap();
    support::copy_heads(&settings.heads_dir, promoted.path());
    let analyst = Analyst::load(&settings.with_heads(promoted.path().to_owned())).unwrap();
    assert_eq!(tch::no_grad(|| analyst.analyze(&[&request])).unwrap().remove(0).own, answer.own);

    // Learned on another encoder they would mean nothing: the standard questions are answered without them.
    let path = dir.path().join(MANIFEST_FILE);
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("minilm-l6", "another")).unwrap();
    let engine = Engine::start(&settings).unwrap();
    let problem = engine.own_labels_problem().unwrap();
    assert!(problem.contains("another encoder") && problem.contains("train --labels"), "{problem}");
    let answer = engine.analyze(request).await.unwrap().analysis;
    assert!(answer.own.is_empty() && !answer.degraded, "{answer:?}");
}
