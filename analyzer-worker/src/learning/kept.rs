//! What is kept of a training: the weights, the tickets that are asked as neighbours, and what both mean.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{dataset::Example, embedding, train::TrainSettings, tuning::Tuned};
use crate::{
    labels::Question,
    model::{
        Embedder, Reading,
        adapters::Adapters,
        heads::{KNOWN, MANIFEST_FILE, Manifest, WEIGHTS_FILE},
        net::URGENCY,
    },
    settings::PrecisionChoice,
};

/// Tickets kept as neighbours: every analysis is compared with all of them, which takes 0.09 ms a thousand, and a thousand is
/// 0.8 MB of the file.
const KNOWN_AT_MOST: usize = 16_384;

/// Writes what was `learned` from tickets; the manifest comes without what follows from weights and tickets. `today` is
/// part of the revision.
pub(super) fn keep(
    settings: &TrainSettings,
    tuned: Tuned,
    learned: &[Example],
    manifest: Manifest,
    today: chrono::NaiveDate,
) -> anyhow::Result<Manifest> {
    // In half precision: no answer changes, and the file is half the size.
    let mut tensors: Vec<_> =
        tuned.0.into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::Half))).collect();
    let known: Vec<_> = neighbours(learned).collect();
    let embeddings = embed(&settings.model.model_dir, &tensors, &known)?;
    tensors.push((KNOWN.to_owned(), embeddings.to_kind(Kind::Half)));
    write(&settings.out, Manifest { known: labels(&known)?, ..manifest }, &tensors, today)
}

/// The tickets that are asked as neighbours, from all over the data.
fn neighbours<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(KNOWN_AT_MOST).max(1))
}

/// In f32, not in what is fastest here: what is kept follows from the tickets.
fn embed(model_dir: &Path, tensors: &[(String, Tensor)], known: &[&Example]) -> anyhow::Result<Tensor> {
    let tensors: Vec<_> =
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.to_kind(Kind::Float))).collect();
    let adapters = Adapters::new(tensors.iter().map(|(name, tensor)| (name, tensor)));
    let embedder = Embedder::load(model_dir, adapters, PrecisionChoice::F32)?;
    let texts: Vec<_> = known.iter().map(|example| example.description.as_str()).collect();
    Ok(embedding::of_all("comparing", &texts, |some| Reading::new(&embedder, some).tickets))
}

/// What people said of them.
fn labels(known: &[&Example]) -> anyhow::Result<BTreeMap<String, Vec<usize>>> {
    let of = |question: Question| {
        let labels = known.iter().map(|example| example.answer(question));
        Ok((question.name().to_owned(), labels.collect::<anyhow::Result<_>>()?))
    };
    let urgencies = known.iter().map(|example| example.urgency.into()).collect();
    Question::ALL.into_iter().map(of).chain([Ok((URGENCY.to_owned(), urgencies))]).collect()
}

fn write(
    out: &Path,
    manifest: Manifest,
    tensors: &[(String, Tensor)],
    today: chrono::NaiveDate,
) -> anyhow::Result<Manifest> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join(WEIGHTS_FILE);
    Tensor::write_safetensors(tensors, &path).with_context(|| format!("writing {}", path.display()))?;
    let sha256 = hex::encode(Sha256::digest(fs::read(&path)?));
    let manifest = Manifest { revision: format!("{today}-{}", &sha256[..8]), sha256, ..manifest };
    let path = out.join(MANIFEST_FILE);
    fs::write(&path, to_json(&manifest)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(manifest)
}

/// Pretty, with the long lists of numbers on one line each.
fn to_json(manifest: &Manifest) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(manifest)?;
    let known = value["known"].take();
    let pretty = serde_json::to_string_pretty(&value)?;
    let lists: Vec<_> = known
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, list)| format!("    \"{name}\": {list}"))
        .collect();
    Ok(pretty.replace("\"known\": null", &format!("\"known\": {{\n{}\n  }}", lists.join(",\n"))) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_come_from_all_over_the_tickets_and_are_not_too_many() {
        let kept = |count: usize| neighbours(&(0..count).collect::<Vec<_>>()).copied().collect::<Vec<_>>();
        assert!(kept(0).is_empty());
        assert_eq!(kept(3), [0, 1, 2]);
        assert_eq!(kept(KNOWN_AT_MOST).len(), KNOWN_AT_MOST);
        let many = kept(3 * KNOWN_AT_MOST - 1);
        assert_eq!((many.len(), many.last()), (KNOWN_AT_MOST, Some(&(3 * KNOWN_AT_MOST - 3))));
    }
}
