//! The trained layers with their meaning: labels, temperatures, thresholds, and the tickets they learned from.
//!
//! Two files hold them: `heads.safetensors` the weights, with the encoder's updates, `heads.json` what they mean.
//! The manifest names the weights' SHA-256, so that a mixed-up pair does not load.

use std::{collections::BTreeMap, fs, path::Path};

use schemas::analysis::{Entity, ModelRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{
    LoadError, Reading,
    adapters::Adapters,
    favour::Favour,
    features::{self, features},
    known::{Known, Neighbours},
    net::{Net, Shape},
    passages::{PLACES, Passages},
    tags::{self, MARKS, TAGS},
    weighing::Weighing,
};
use crate::{
    entities::{candidates, combined},
    labels::Question,
};

/// File name of the weights.
pub const WEIGHTS_FILE: &str = "heads.safetensors";
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "heads.json";
/// Name of the tensor of the known tickets' embeddings.
pub const KNOWN: &str = "known.embeddings";

/// What the weights mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Day of training and start of the weights' hash.
    pub revision: String,
    /// Name of the encoder the heads were trained on.
    pub encoder: String,
    /// SHA-256 of the weights' file, hexadecimal.
    pub sha256: String,
    /// Number of tickets learned from.
    pub trained_on: usize,
    /// One entry per question, by name.
    pub questions: BTreeMap<String, QuestionManifest>,
    /// Mean absolute error of the urgency in cross-validation, in steps of the scale 1 to 10.
    pub urgency_error: f64,
    /// Confidence from which on a tag counts, by entity label: the labels that cross-validation gained from.
    #[serde(default)]
    pub tags_from: BTreeMap<String, f32>,
    /// How well cross-validation over the training part answered.
    pub cross_validation: BTreeMap<String, f64>,
    /// Labels of the known tickets as indices, by question, and how urgent they are.
    pub known: BTreeMap<String, Vec<usize>>,
}

/// What one head's outputs mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuestionManifest {
    /// Labels in the order of the outputs.
    pub labels: Vec<String>,
    /// What the outputs are divided by so that confidences come true.
    pub temperature: f64,
    /// The say of the nearest known tickets, 0 to 1: the rest is the head's. None in heads that learned before neighbours had one.
    #[serde(default)]
    pub neighbours: f64,
    /// A confidence below it is worth a person's look.
    pub review_below: f32,
    /// Share of right answers in cross-validation over the training part.
    pub accuracy: f64,
    /// Expected calibration error in cross-validation, after temperature and neighbours.
    pub calibration_error: f64,
}

/// What the heads say about one ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Decisions<'t> {
    /// Probability of each label, by question, in the order of the labels.
    pub probabilities: BTreeMap<Question, Vec<f32>>,
    /// Urgency on the scale 1 to 10, not yet rounded.
    pub urgency: f32,
    /// The known tickets nearest to this one.
    pub neighbours: Neighbours,
    /// What the text names.
    pub entities: Vec<Entity>,
    /// The sentence that stands best for the text.
    pub central: Option<&'t str>,
}

/// The heads' answer is not a set of probabilities.
#[derive(Debug, thiserror::Error)]
#[error("the heads answered {question} with something that is no probability")]
pub struct NotAProbability {
    question: &'static str,
}

/// All layers and the tickets they learned from.
pub struct Heads {
    manifest: Manifest,
    net: Net,
    adapters: Adapters,
    known: Known,
    favour: Favour,
}

impl Heads {
    /// Reads both files and holds them against each other and against the label sets.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let (manifest, tensors) = load_tensors(dir)?;
        Self::assemble(manifest, tensors)
            .map_err(|reason| LoadError::unusable(&dir.join(MANIFEST_FILE), reason))
    }

    fn assemble(manifest: Manifest, mut tensors: BTreeMap<String, Tensor>) -> Result<Self, String> {
        for question in Question::ALL {
            check_labels(question, &manifest)?;
        }
        let known = tensors.remove(KNOWN).ok_or_else(|| format!("no tensor {KNOWN}"))?;
        let shape = shape(known.size()[1]);
        let known = Known::new(&known, &manifest.known)?;
        let adapters = Adapters::new(&tensors);
        let net = Net::new(tensors, &shape).map_err(|error| error.to_string())?;
        let favour = Favour::new(&net);
        Ok(Self { manifest, net, adapters, known, favour })
    }

    /// What was learned on top of the encoder; the heads understand no other one's states.
    #[must_use]
    pub const fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// What answers, precisely enough to repeat it.
    #[must_use]
    pub fn model(&self) -> ModelRef {
        ModelRef {
            name: self.manifest.encoder.clone(),
            revision: self.manifest.revision.clone(),
            sha256: self.manifest.sha256.clone(),
        }
    }

    /// What the weights mean.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The tickets the heads learned from.
    #[must_use]
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Which cues speak for which label.
    #[must_use]
    pub const fn favour(&self) -> &Favour {
        &self.favour
    }

    /// Confidence below which a person should look.
    #[must_use]
    pub fn review_below(&self, question: Question) -> f32 {
        self.manifest.questions.get(question.name()).map_or(0.0, |q| q.review_below)
    }

    /// Decides everything about each ticket of a reading; `request_types` holds what the form says of each.
    pub fn decide<'t>(
        &self,
        reading: &Reading<'t>,
        request_types: &[&str],
    ) -> Result<Vec<Decisions<'t>>, NotAProbability> {
        let tickets: Vec<_> = reading.texts.iter().copied().zip(request_types.iter().copied()).collect();
        let outputs = self.net.decide(&reading.states, &features(&tickets));
        let urgency = Vec::<f32>::try_from(&outputs.urgency).unwrap_or_default();
        let neighbours = self.known.nearest(&reading.tickets);
        let central = self.central_sentences(reading);
        let mut all: Vec<_> = urgency
            .into_iter()
            .zip(neighbours)
            .zip(central)
            .zip(self.entities(reading))
            .map(|(((urgency, neighbours), central), entities)| Decisions {
                probabilities: BTreeMap::new(),
                urgency,
                neighbours,
                entities,
                central,
            })
            .collect();
        for (&question, logits) in &outputs.questions {
            let shares: Option<Vec<_>> =
                all.iter().map(|of| self.known.shares(question, &of.neighbours.tickets)).collect();
            let shares = shares.map(|shares| matrix(&shares));
            let probabilities = rows(&self.weighing(question).probabilities(logits, shares.as_ref()));
            for (decisions, probabilities) in all.iter_mut().zip(probabilities) {
                if !probabilities.iter().all(|p| p.is_finite()) {
                    return Err(NotAProbability { question: question.name() });
                }
                decisions.probabilities.insert(question, probabilities);
            }
        }
        Ok(all)
    }

    fn weighing(&self, question: Question) -> Weighing {
        let of = |q: &QuestionManifest| Weighing { temperature: q.temperature, neighbours: q.neighbours };
        self.manifest.questions.get(question.name()).map_or(Weighing::NONE, of)
    }

    fn central_sentences<'t>(&self, reading: &Reading<'t>) -> Vec<Option<&'t str>> {
        let each = reading.passages().into_iter().zip(&reading.states);
        each.map(|(passages, states)| central(&self.net, &passages, states)).collect()
    }

    fn entities(&self, reading: &Reading<'_>) -> Vec<Vec<Entity>> {
        let each = reading.texts.iter().zip(&reading.pieces).zip(&reading.states);
        each.map(|((text, pieces), states)| {
            let patterns = candidates(text);
            let words = tags::words(text, pieces);
            let logits = self.net.tag(states, &tags::marks(text, pieces, &words, &patterns));
            combined(text, patterns, tags::decode(&words, &logits), &self.manifest.tags_from)
        })
        .collect()
    }
}

/// The sentence that stands best for its text.
#[must_use]
pub fn central<'t>(net: &Net, passages: &Passages<'t>, states: &Tensor) -> Option<&'t str> {
    if passages.is_empty() {
        return None;
    }
    let salience = net.salience(&passages.means(states), &passages.places());
    let best = salience.argmax(0, false).int64_value(&[]);
    passages.sentences.get(best as usize).copied()
}

/// The widths of the layers on an encoder of this dimension.
#[must_use]
pub fn shape(dimension: i64) -> Shape {
    Shape { dimension, features: features::width(), marks: MARKS, tags: TAGS, places: PLACES }
}

/// A matrix as one vector per row.
#[must_use]
pub fn rows(matrix: &Tensor) -> Vec<Vec<f32>> {
    let columns = matrix.size()[1] as usize;
    let flat = Vec::<f32>::try_from(matrix.to_kind(Kind::Float).contiguous().view(-1)).unwrap_or_default();
    flat.chunks(columns).map(<[f32]>::to_vec).collect()
}

/// Vectors of one length as a matrix, one per row.
pub fn matrix(rows: &[Vec<f32>]) -> Tensor {
    let columns = rows.first().map_or(0, Vec::len);
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, columns as i64])
}

/// Both files as they are, held against each other: the weights in f32, with the known tickets' embeddings.
pub(crate) fn load_tensors(dir: &Path) -> Result<(Manifest, BTreeMap<String, Tensor>), LoadError> {
    let path = dir.join(WEIGHTS_FILE);
    let manifest = read_manifest(&dir.join(MANIFEST_FILE))?;
    check_hash(&path, &manifest.sha256)?;
    let tensors = Tensor::read_safetensors(&path).map_err(|error| LoadError::unusable(&path, error))?;
    Ok((manifest, tensors.into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::Float))).collect()))
}

pub(crate) fn read_manifest(path: &Path) -> Result<Manifest, LoadError> {
    LoadError::unless_present(path)?;
    let text = fs::read_to_string(path).map_err(|error| LoadError::unusable(path, error))?;
    serde_json::from_str(&text).map_err(|error| LoadError::unusable(path, error))
}

fn check_hash(path: &Path, expected: &str) -> Result<(), LoadError> {
    LoadError::unless_present(path)?;
    let bytes = fs::read(path).map_err(|error| LoadError::unusable(path, error))?;
    if hex::encode(Sha256::digest(&bytes)) == expected {
        return Ok(());
    }
    Err(LoadError::unusable(path, "its SHA-256 is not the one in heads.json"))
}

fn check_labels(question: Question, manifest: &Manifest) -> Result<(), String> {
    let name = question.name();
    let entry = manifest.questions.get(name).ok_or_else(|| format!("no entry for {name}"))?;
    if entry.labels == question.labels() {
        return Ok(());
    }
    Err(format!("the labels of {name} are not the ones this build knows"))
}
