//! A team's own questions: label sets learned from its own tickets, one linear layer each on the embedding of a
//! ticket. The encoder reads the ticket once more for them, without what the shipped heads taught it: that fits their questions
//! and not others, and changes with every promoted model. They are optional: where they cannot be used, the standard
//! questions are answered without them.

use std::{collections::BTreeMap, fs, path::Path};

use schemas::analysis::{Choice, Scored};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{Embedder, LoadError, adapters::Adapters, heads::rows};
use crate::settings::ModelSettings;

/// File name of the weights.
pub const WEIGHTS_FILE: &str = "own.safetensors";
/// File name of the manifest.
pub const MANIFEST_FILE: &str = "own.json";
/// What is to be done about files that cannot be used.
const AGAIN: &str = "learn it again with `analyzer-worker train --labels`, and start the analyzer again";
/// Alternatives named at most: a set of a hundred labels has a long tail.
const MAX_ALTERNATIVES: usize = 5;

/// What the weights mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// [`ENCODER`](super::ENCODER): another one's embeddings mean something else.
    pub encoder: String,
    /// One entry per question, by name.
    pub questions: BTreeMap<String, OwnQuestion>,
}

/// A question and how well it was answered about tickets that were not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnQuestion {
    /// Labels in the order of the outputs.
    pub labels: Vec<String>,
    /// What the outputs are divided by so that confidences come true.
    pub temperature: f64,
    /// A confidence below it is worth a person's look.
    pub review_below: f32,
    /// Tickets learned from.
    pub trained_on: usize,
    /// Tickets held out.
    pub held_out: usize,
    /// Share of right answers about the tickets held out.
    pub accuracy: f64,
    /// F1 averaged over the labels, about the tickets held out.
    pub macro_f1: f64,
    /// Expected calibration error about the tickets held out.
    pub calibration_error: f64,
}

/// The questions, ready to be answered; none where there are no files.
#[derive(Default)]
pub struct Own {
    answering: Option<Answering>,
    problem: Option<String>,
}

struct Answering {
    embedder: Embedder,
    layers: Layers,
}

/// The layers and what their outputs mean.
struct Layers {
    questions: BTreeMap<String, OwnQuestion>,
    tensors: BTreeMap<String, Tensor>,
}

impl Own {
    /// Reads both files and the encoder, if there are any. What cannot be used is left out, loudly.
    #[must_use]
    pub fn load_or_leave_out(settings: &ModelSettings) -> Self {
        match Self::load(settings) {
            Ok(answering) => Self { answering, problem: None },
            Err(error) => {
                tracing::error!(%error, "own labels are left out");
                Self { answering: None, problem: Some(format!("own labels are left out: {error}")) }
            }
        }
    }

    fn load(settings: &ModelSettings) -> Result<Option<Answering>, LoadError> {
        let Some(layers) = Layers::load(settings.own_labels_dir())? else { return Ok(None) };
        let embedder = embedder(settings)?;
        Ok(Some(Answering { embedder, layers }))
    }

    /// Why there are files and no answers, if so; fit for a public answer.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Answers each question about each text.
    #[must_use]
    pub fn decide(&self, texts: &[&str]) -> Vec<BTreeMap<String, Choice<String>>> {
        match &self.answering {
            Some(Answering { embedder, layers }) => layers.decide(&embedder.embed(texts)),
            None => vec![BTreeMap::new(); texts.len()],
        }
    }

    /// Whether a person should look at an answer.
    #[must_use]
    pub fn needs_review(&self, answers: &BTreeMap<String, Choice<String>>) -> bool {
        self.answering.as_ref().is_some_and(|answering| answering.layers.needs_review(answers))
    }
}

/// The encoder as it came.
pub(crate) fn embedder(settings: &ModelSettings) -> Result<Embedder, LoadError> {
    Embedder::load(&settings.model_dir, Adapters::default(), settings.precision)
}

impl Layers {
    /// Reads both files, if there are any.
    fn load(dir: &Path) -> Result<Option<Self>, LoadError> {
        let (path, weights) = (dir.join(MANIFEST_FILE), dir.join(WEIGHTS_FILE));
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|error| LoadError::unusable(&path, error))?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| LoadError::unusable(&path, format!("{error}: {AGAIN}")))?;
        if manifest.encoder != super::ENCODER {
            return Err(LoadError::unusable(&path, format!("it was learned on another encoder: {AGAIN}")));
        }
        LoadError::unless_present(&weights)?;
        let tensors =
            Tensor::read_safetensors(&weights).map_err(|error| LoadError::unusable(&weights, error))?;
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::Float))).collect();
        let layers = Self::assemble(manifest.questions, tensors);
        layers.map(Some).map_err(|reason| LoadError::unusable(&weights, reason))
    }

    fn assemble(
        questions: BTreeMap<String, OwnQuestion>,
        tensors: BTreeMap<String, Tensor>,
    ) -> Result<Self, String> {
        for (name, question) in &questions {
            let outputs = tensors.get(&format!("{name}.bias")).map(Tensor::size);
            if outputs != Some(vec![question.labels.len() as i64])
                || !tensors.contains_key(&format!("{name}.weight"))
            {
                return Err(format!("the layer of {name} does not fit its labels"));
            }
        }
        Ok(Self { questions, tensors })
    }

    fn decide(&self, embeddings: &Tensor) -> Vec<BTreeMap<String, Choice<String>>> {
        let mut all = vec![BTreeMap::new(); embeddings.size()[0] as usize];
        for (name, question) in &self.questions {
            let (weight, bias) =
                (&self.tensors[&format!("{name}.weight")], &self.tensors[&format!("{name}.bias")]);
            let logits = embeddings.linear(weight, Some(bias)) / question.temperature;
            for (answers, probabilities) in all.iter_mut().zip(rows(&logits.softmax(-1, Kind::Float))) {
                answers.insert(name.clone(), choice(question, &probabilities));
            }
        }
        all
    }

    fn needs_review(&self, answers: &BTreeMap<String, Choice<String>>) -> bool {
        let is_unsure = |(name, choice): (&String, &Choice<String>)| {
            self.questions.get(name).is_some_and(|question| choice.confidence < question.review_below)
        };
        answers.iter().any(is_unsure)
    }
}

fn choice(question: &OwnQuestion, probabilities: &[f32]) -> Choice<String> {
    let mut ranked: Vec<_> = question.labels.iter().cloned().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut ranked = ranked.into_iter();
    let (label, confidence) = ranked.next().unwrap_or_default();
    let alternatives = ranked.take(MAX_ALTERNATIVES).map(|(label, score)| Scored { label, score }).collect();
    Choice { label, confidence, alternatives, reasons: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(labels: &[&str]) -> OwnQuestion {
        OwnQuestion {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            temperature: 1.0,
            review_below: 0.5,
            trained_on: 0,
            held_out: 0,
            accuracy: 0.0,
            macro_f1: 0.0,
            calibration_error: 0.0,
        }
    }

    fn layers(labels: &[&str]) -> Result<Layers, String> {
        let weight = Tensor::from_slice(&[9f32, 0., 0., 9.]).view([2, 2]);
        let tensors =
            [("topic.weight".to_owned(), weight), ("topic.bias".to_owned(), Tensor::from_slice(&[0f32, 0.]))];
        Layers::assemble(BTreeMap::from([("topic".to_owned(), question(labels))]), tensors.into())
    }

    #[test]
    fn an_own_question_is_answered_within_its_labels() {
        let answers =
            layers(&["milk", "bread"]).unwrap().decide(&Tensor::from_slice(&[0f32, 1.]).view([1, 2]));
        assert_eq!(answers[0]["topic"].label, "bread");
        assert_eq!(answers[0]["topic"].alternatives[0].label, "milk");
    }

    #[test]
    fn a_layer_for_other_labels_is_refused() {
        assert!(layers(&["milk", "bread", "eggs"]).is_err());
    }
}
