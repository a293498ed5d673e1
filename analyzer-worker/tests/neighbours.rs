//! How much the nearest known tickets have to say is what the manifest of the heads says.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;

use analyzer_worker::{
    analyst::Analyst,
    model::{heads::MANIFEST_FILE, known::NEIGHBOURS},
    settings::{ModelSettings, PrecisionChoice},
};
use serde_json::Value;

/// Shares of the category's labels that are at least an alternative, when the neighbours' say is this; `None`: none is set down.
fn shares(say: Option<f64>) -> Vec<f32> {
    let (dir, shipped) = (tempfile::tempdir().unwrap(), support::settings(PrecisionChoice::F32));
    support::copy_heads(&shipped.heads_dir, dir.path());
    let path = dir.path().join(MANIFEST_FILE);
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let category = manifest["questions"]["category"].as_object_mut().unwrap();
    assert!(category.remove("neighbours").unwrap().as_f64().unwrap() > 0.0, "the shipped ones have a say");
    category.extend(say.map(|say| ("neighbours".to_owned(), say.into())));
    fs::write(&path, manifest.to_string()).unwrap();
    let analyst = Analyst::load(&ModelSettings { heads_dir: dir.path().to_owned(), ..shipped }).unwrap();
    // About two things at once, so that neighbours disagree.
    let request =
        support::request("The VPN drops when I open the shared mailbox, and my laptop's fan howls.");
    let category = tch::no_grad(|| analyst.analyze(&[&request])).unwrap().remove(0).category;
    [category.confidence].into_iter().chain(category.alternatives.iter().map(|other| other.score)).collect()
}

#[test]
fn neighbours_have_the_say_that_the_manifest_gives_them() {
    let of_all = NEIGHBOURS as f32;
    let is_a_count = |share: &f32| (share * of_all - (share * of_all).round()).abs() < 1e-4;
    let (asked_alone, silent) = (shares(Some(1.0)), shares(Some(0.0)));
    assert!(asked_alone.iter().all(is_a_count), "{asked_alone:?}");
    assert!(!silent.iter().all(is_a_count), "{silent:?}");
    assert_eq!(shares(None), silent, "heads from before neighbours had a say");
}
