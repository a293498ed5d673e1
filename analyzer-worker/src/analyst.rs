//! The whole analysis of a batch of tickets, on the thread that calls it.

use schemas::{Analysis, Embedding};

use crate::{
    answer::{OutsideOfLabels, assemble},
    engine::Request,
    language::Language,
    model::{
        Embedder, Heads, LoadError, Reading,
        heads::{NotAProbability, rows},
    },
    settings::ModelSettings,
    summary::summary,
};

/// Why the model's answer could not be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The heads answered with something that is no probability.
    #[error(transparent)]
    NotAProbability(#[from] NotAProbability),
    /// The answer is not within the labels.
    #[error(transparent)]
    OutsideOfLabels(#[from] OutsideOfLabels),
}

/// An answer, and where the ticket lies among others.
#[derive(Clone, Debug, PartialEq)]
pub struct Analyzed {
    /// The answer.
    pub analysis: Analysis,
    /// None where rules answered.
    pub embedding: Option<Embedding>,
}

/// The loaded model. It can move to another thread and not be shared, as everything that libtorch computes with.
pub struct Analyst {
    embedder: Embedder,
    heads: Heads,
}

impl Analyst {
    /// Loads encoder and heads.
    pub fn load(settings: &ModelSettings) -> Result<Self, LoadError> {
        let heads = Heads::load(&settings.heads_dir)?;
        let embedder = Embedder::load(&settings.model_dir, heads.adapters().shared(), settings.precision)?;
        Ok(Self { embedder, heads })
    }

    /// The encoder with its tokenizer.
    #[must_use]
    pub const fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// The trained heads.
    #[must_use]
    pub const fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Analyzes a batch.
    pub fn analyze(&self, requests: &[&Request]) -> Result<Vec<Analysis>, AnswerError> {
        Ok(self.answer(requests)?.into_iter().map(|analyzed| analyzed.analysis).collect())
    }

    /// Analyzes a batch and says where each ticket lies among others.
    pub fn answer(&self, requests: &[&Request]) -> Result<Vec<Analyzed>, AnswerError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<_> = requests.iter().map(|request| request.description.as_str()).collect();
        let request_types: Vec<_> = requests.iter().map(|request| request.request_type.as_str()).collect();
        let reading = Reading::new(&self.embedder, &texts);
        let decisions = self.heads.decide(&reading, &request_types)?;
        let vectors = rows(&reading.tickets);
        let space = self.heads.model().name;
        let each = texts.into_iter().zip(decisions).zip(vectors);
        each.map(|((text, decisions), vector)| {
            let summary = summary(text, decisions.central);
            let analysis = assemble(&self.heads, text, &decisions, summary, Language::of(text))?;
            Ok(Analyzed { analysis, embedding: Some(Embedding::quantised(&space, &vector)) })
        })
        .collect()
    }
}
