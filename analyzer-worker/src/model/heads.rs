//! The trained heads: one linear classifier per question on the frozen embedding, and one number for urgency.
//!
//! Two files hold them: `heads.safetensors` the weights, `heads.json` what they mean. The manifest names the
//! weights' SHA-256, so that a mixed-up pair does not load.

use std::{collections::BTreeMap, fs, path::Path};

use schemas::analysis::ModelRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{LoadError, Reading, features::features, known::Known};
use crate::labels::Question;

/// File name of the weights.
pub const WEIGHTS_FILE: &str = "heads.safetensors";
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "heads.json";
/// Name of the tensor that reads the urgency.
pub const URGENCY: &str = "urgency";
/// Name of the tensor of the known tickets' embeddings.
pub const KNOWN: &str = "known.embeddings";
/// Name of the tensor of the anchors' embeddings.
pub const ANCHORS: &str = "anchors.embeddings";

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
    /// Labels of the known tickets as indices, by question.
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
    /// Groups of features that cross-validation chose.
    pub diet: String,
    /// Weight decay that cross-validation chose.
    pub decay: f64,
    /// A confidence below it is worth a person's look.
    pub review_below: f32,
    /// Share of right answers in cross-validation over the training part.
    pub accuracy: f64,
    /// Expected calibration error in cross-validation, after the temperature.
    pub calibration_error: f64,
}

/// What the heads say about one ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Decisions {
    /// Probability of each label, by question, in the order of the labels.
    pub probabilities: BTreeMap<Question, Vec<f32>>,
    /// Urgency on the scale 1 to 10, not yet rounded.
    pub urgency: f32,
    /// The known tickets nearest to this one, nearest first.
    pub neighbours: Vec<usize>,
}

/// The heads' answer is not a set of probabilities.
#[derive(Debug, thiserror::Error)]
#[error("the heads answered {question} with something that is no probability")]
pub struct NotAProbability {
    question: &'static str,
}

/// A head's weights.
struct Head {
    weight: Tensor,
    bias: Tensor,
    temperature: f64,
}

/// All heads and the tickets they learned from.
pub struct Heads {
    manifest: Manifest,
    questions: BTreeMap<Question, Head>,
    urgency: Head,
    known: Known,
    anchors: Tensor,
}

impl Heads {
    /// Reads both files and holds them against each other and against the label sets.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let (manifest_path, path) = (dir.join(MANIFEST_FILE), dir.join(WEIGHTS_FILE));
        let manifest = read_manifest(&manifest_path)?;
        check_hash(&path, &manifest.sha256)?;
        let tensors = Tensor::read_safetensors(&path).map_err(|error| LoadError::unusable(&path, error))?;
        let tensors: BTreeMap<_, _> = tensors.into_iter().collect();
        Self::assemble(manifest, &tensors).map_err(|reason| LoadError::unusable(&manifest_path, reason))
    }

    fn assemble(manifest: Manifest, tensors: &BTreeMap<String, Tensor>) -> Result<Self, String> {
        let questions = Question::ALL.map(|question| Ok((question, head(question, &manifest, tensors)?)));
        let questions = questions.into_iter().collect::<Result<_, String>>()?;
        let urgency = read_head(URGENCY, 1.0, tensors)?;
        let known = Known::new(tensor(KNOWN, tensors)?, &manifest.known)?;
        let anchors = tensor(ANCHORS, tensors)?;
        Ok(Self { manifest, questions, urgency, known, anchors })
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

    /// Confidence below which a person should look.
    #[must_use]
    pub fn review_below(&self, question: Question) -> f32 {
        self.manifest.questions.get(question.name()).map_or(0.0, |q| q.review_below)
    }

    /// Decides every question for each ticket of a reading; `tickets` holds the description and the request type
    /// of each.
    pub fn decide(
        &self,
        reading: &Reading<'_>,
        tickets: &[(&str, &str)],
    ) -> Result<Vec<Decisions>, NotAProbability> {
        let features = features(reading, &self.anchors, tickets).all;
        let urgency = rows(&self.urgency.logits(&features));
        let neighbours = self.known.nearest(&reading.tickets);
        let mut all: Vec<_> = urgency
            .into_iter()
            .zip(neighbours)
            .map(|(u, neighbours)| Decisions { probabilities: BTreeMap::new(), urgency: u[0], neighbours })
            .collect();
        for (&question, head) in &self.questions {
            let probabilities = rows(&head.logits(&features).softmax(-1, Kind::Float));
            for (decisions, probabilities) in all.iter_mut().zip(probabilities) {
                if !probabilities.iter().all(|p| p.is_finite()) {
                    return Err(NotAProbability { question: question.name() });
                }
                decisions.probabilities.insert(question, probabilities);
            }
        }
        Ok(all)
    }
}

impl Head {
    fn logits(&self, features: &Tensor) -> Tensor {
        features.linear(&self.weight, Some(&self.bias)) / self.temperature
    }
}

/// A matrix as one vector per row.
#[must_use]
pub fn rows(matrix: &Tensor) -> Vec<Vec<f32>> {
    let columns = matrix.size()[1] as usize;
    let flat = Vec::<f32>::try_from(matrix.to_kind(Kind::Float).contiguous().view(-1)).unwrap_or_default();
    flat.chunks(columns).map(<[f32]>::to_vec).collect()
}

fn read_manifest(path: &Path) -> Result<Manifest, LoadError> {
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

fn head(question: Question, manifest: &Manifest, tensors: &BTreeMap<String, Tensor>) -> Result<Head, String> {
    let name = question.name();
    let entry = manifest.questions.get(name).ok_or_else(|| format!("no entry for {name}"))?;
    if entry.labels != question.labels() {
        return Err(format!("the labels of {name} are not the ones this build knows"));
    }
    let head = read_head(name, entry.temperature, tensors)?;
    if head.bias.size() != [entry.labels.len() as i64] {
        return Err(format!("{name} has another number of outputs than labels"));
    }
    Ok(head)
}

fn read_head(name: &str, temperature: f64, tensors: &BTreeMap<String, Tensor>) -> Result<Head, String> {
    let weight = tensor(&format!("{name}.weight"), tensors)?;
    Ok(Head { weight, bias: tensor(&format!("{name}.bias"), tensors)?, temperature })
}

fn tensor(name: &str, tensors: &BTreeMap<String, Tensor>) -> Result<Tensor, String> {
    tensors.get(name).map(|t| t.to_kind(Kind::Float)).ok_or_else(|| format!("no tensor {name}"))
}
