//! `analyzer-worker train --labels`: a team's own label sets from its own tickets, a CSV file with a column of texts
//! and a column per question. The encoder as it came reads each text once; a linear layer per question
//! learns until the tickets set aside stop getting better answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::Path,
};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{
    calibration::{best, calibration_error, lowest_share, temperature},
    classifier::{Fitted, fit_labels},
    embedding,
    metrics::Confusion,
    train::TrainSettings,
};
use crate::model::{
    ENCODER,
    own::{MANIFEST_FILE, Manifest, OwnQuestion, WEIGHTS_FILE, embedder},
};

/// Share of the answers a person looks at.
const REVIEW_SHARE: f64 = 0.1;
/// Of ten parts, the ones held out for the figures and the one set aside to stop in time and to calibrate.
const PARTS: u64 = 10;
/// Parts below it are held out.
const HELD_OUT: u64 = 2;
/// This part is set aside.
const SET_ASIDE: u64 = 2;

/// The texts of a file and, where it has them, the labels of each question.
struct Table {
    texts: Vec<String>,
    labels: BTreeMap<String, Vec<Option<String>>>,
}

/// Which texts are learned from, set aside, and held out: their rows.
struct Parts {
    learned: Tensor,
    set_aside: Tensor,
    held_out: Tensor,
}

/// Learns one layer per column and writes them to the folder to write to.
pub fn train_own(settings: &TrainSettings) -> anyhow::Result<Manifest> {
    let table = read(&settings.data, &settings.text, &settings.labels)?;
    let embedder = embedder(&settings.model)?;
    let texts: Vec<_> = table.texts.iter().map(String::as_str).collect();
    let embeddings = embedding::of_all("reading", &texts, |some| embedder.embed(some));
    let (mut questions, mut tensors) = (BTreeMap::new(), Vec::new());
    for (name, labels) in &table.labels {
        let (question, fitted) =
            learn(&embeddings, &texts, labels).with_context(|| format!("column {name}"))?;
        questions.insert(name.clone(), question);
        tensors.push((format!("{name}.weight"), fitted.weight));
        tensors.push((format!("{name}.bias"), fitted.bias));
    }
    let manifest = Manifest { encoder: ENCODER.to_owned(), questions };
    write(&settings.out, &manifest, &tensors)?;
    Ok(manifest)
}

fn read(path: &Path, text: &str, columns: &[String]) -> anyhow::Result<Table> {
    let named: Vec<_> = iter::once(text).chain(columns.iter().map(String::as_str)).collect();
    for (index, name) in named.iter().enumerate() {
        // Learned twice, labels would stand beside other texts than their own.
        ensure!(!named[..index].contains(name), "the column {name} is named twice");
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    let headers = reader.headers()?.clone();
    let place = |name: &str| {
        let mut found = headers.iter().enumerate().filter(|(_, header)| *header == name);
        let (place, _) = found.next().with_context(|| format!("{} has no column {name}", path.display()))?;
        ensure!(found.next().is_none(), "{} has two columns {name}", path.display());
        Ok(place)
    };
    let text = place(text)?;
    let places: Vec<_> = columns.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
    let (mut table, mut without_text) = (Table { texts: Vec::new(), labels: BTreeMap::new() }, 0);
    for record in reader.records() {
        let record = record?;
        // Exports of real tickets have gaps: nobody was assigned, the requester was erased.
        let filled = |place: usize| Some(&record[place]).filter(|cell| !cell.trim().is_empty());
        let Some(text) = filled(text) else {
            without_text += 1;
            continue;
        };
        table.texts.push(text.to_owned());
        for (name, &place) in columns.iter().zip(&places) {
            table.labels.entry(name.clone()).or_default().push(filled(place).map(ToOwned::to_owned));
        }
    }
    if without_text > 0 {
        tracing::warn!(rows = without_text, "rows without a text are left out");
    }
    Ok(table)
}

impl Parts {
    /// Divides texts that have a label by their own hash, so that the same text is always on the same side.
    fn new(texts: &[&str], labels: &[Option<String>]) -> anyhow::Result<Self> {
        let labelled: Vec<_> = (0..).zip(texts).zip(labels).filter(|(_, label)| label.is_some()).collect();
        let rows = |is_inside: &dyn Fn(u64) -> bool| {
            let rows = labelled.iter().filter(|((_, text), _)| is_inside(part(text)));
            rows.map(|((row, _), _)| *row).collect::<Vec<i64>>()
        };
        let (learned, set_aside, held_out) =
            (rows(&|p| p > SET_ASIDE), rows(&|p| p == SET_ASIDE), rows(&|p| p < HELD_OUT));
        ensure!(
            !learned.is_empty() && !set_aside.is_empty() && !held_out.is_empty(),
            "{} texts with a label are too few to learn from, to stop in time and to count on",
            labelled.len()
        );
        if labelled.len() < texts.len() {
            tracing::warn!(rows = texts.len() - labelled.len(), "rows without a label are left out");
        }
        let tensor = |rows: Vec<i64>| Tensor::from_slice(&rows);
        Ok(Self { learned: tensor(learned), set_aside: tensor(set_aside), held_out: tensor(held_out) })
    }
}

fn part(text: &str) -> u64 {
    let digest = Sha256::digest(text.trim().as_bytes());
    digest.iter().take(8).fold(0, |value, &byte| (value << 8) | u64::from(byte)) % PARTS
}

fn learn(
    embeddings: &Tensor,
    texts: &[&str],
    labels: &[Option<String>],
) -> anyhow::Result<(OwnQuestion, Fitted)> {
    let parts = Parts::new(texts, labels)?;
    let names: Vec<String> = labels.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    ensure!(names.len() > 1, "one label is nothing to choose from");
    // Rows without a label are in no part.
    let index = |label: &Option<String>| {
        label.as_ref().and_then(|label| names.binary_search(label).ok()).unwrap_or_default() as i64
    };
    let answers = Tensor::from_slice(&labels.iter().map(index).collect::<Vec<_>>());
    let of = |rows: &Tensor| (embeddings.index_select(0, rows), answers.index_select(0, rows));
    let (learned, set_aside, held_out) = (of(&parts.learned), of(&parts.set_aside), of(&parts.held_out));
    let fitted = fit_labels((&learned.0, &learned.1), (&set_aside.0, &set_aside.1), names.len() as i64)?;
    let temperature = temperature(&fitted.outputs(&set_aside.0), &set_aside.1);
    let sure = best(&(fitted.outputs(&set_aside.0) / temperature).softmax(-1, Kind::Float));
    let given = best(&(fitted.outputs(&held_out.0) / temperature).softmax(-1, Kind::Float));
    let right = Vec::<i64>::try_from(&held_out.1)?;
    let pairs = right.iter().zip(&given).map(|(&right, &(_, given))| (right as usize, given as usize));
    let confusion = Confusion::new(names.len(), pairs);
    let outcomes: Vec<_> = given.iter().zip(&right).map(|((p, given), right)| (*p, given == right)).collect();
    let question = OwnQuestion {
        labels: names,
        temperature,
        review_below: lowest_share(&sure.iter().map(|(p, _)| *p).collect::<Vec<_>>(), REVIEW_SHARE),
        trained_on: learned.0.size()[0] as usize,
        held_out: right.len(),
        accuracy: confusion.accuracy(),
        macro_f1: confusion.macro_f1(),
        calibration_error: calibration_error(&outcomes),
    };
    Ok((question, fitted))
}

fn write(out: &Path, manifest: &Manifest, tensors: &[(String, Tensor)]) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join(WEIGHTS_FILE);
    Tensor::write_safetensors(tensors, &path).with_context(|| format!("writing {}", path.display()))?;
    let path = out.join(MANIFEST_FILE);
    let text = serde_json::to_string_pretty(manifest)? + "\n";
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading this file for these columns comes to, in words.
    fn refusal(content: &str, columns: &[&str]) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let columns: Vec<_> = columns.iter().map(|&name| name.to_owned()).collect();
        read(file.path(), "text", &columns).err().map(|error| error.to_string())
    }

    #[test]
    fn a_table_that_would_teach_something_else_is_refused() {
        let table = "text,intent\nhello,greeting\nbye,farewell\n";
        assert_eq!(refusal(table, &["intent"]), None);
        for (content, columns, expected) in [
            (table, vec!["intent", "intent"], "the column intent is named twice"),
            (table, vec!["intent", "text"], "the column text is named twice"),
            ("text,intent,intent\nhello,greeting,farewell\n", vec!["intent"], "two columns intent"),
            (table, vec!["mood"], "has no column mood"),
        ] {
            let refusal = refusal(content, &columns).unwrap();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn gaps_of_a_table_are_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "text,topic,team\nhello,greeting, \n  ,greeting,red\nbye,,blue\n").unwrap();
        let table = read(file.path(), "text", &["topic".to_owned(), "team".to_owned()]).unwrap();
        assert_eq!(table.texts, ["hello", "bye"]);
        assert_eq!(table.labels["topic"], [Some("greeting".to_owned()), None]);
        assert_eq!(table.labels["team"], [None, Some("blue".to_owned())]);
    }

    #[test]
    fn a_text_without_a_label_is_in_no_part() {
        let texts: Vec<String> = (0..40).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let labels: Vec<_> = (0..40).map(|n| (n % 4 != 0).then(|| "label".to_owned())).collect();
        let parts = Parts::new(&texts, &labels).unwrap();
        let rows = [&parts.learned, &parts.set_aside, &parts.held_out]
            .map(|rows| Vec::<i64>::try_from(rows).unwrap());
        let mut rows = rows.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..40).filter(|n| n % 4 != 0).collect::<Vec<i64>>());
    }
}
