//! The whole analysis of a batch of tickets, on the thread that calls it.

use schemas::{Analysis, Embedding};

use crate::{
    answer::{OutsideOfLabels, assemble},
    engine::Request,
    language::Language,
    model::{
        Embedder, Heads, LoadError, Reading,
        heads::{NotAProbability, rows},
        own::Own,
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
    own: Own,
}

impl Analyst {
    /// Loads encoder, heads, and a team's own questions.
    pub fn load(settings: &ModelSettings) -> Result<Self, LoadError> {
        let heads = Heads::load(&settings.heads_dir)?;
        let embedder = Embedder::load(&settings.model_dir, heads.adapters().shared(), settings.precision)?;
        Ok(Self { embedder, heads, own: Own::load_or_leave_out(settings) })
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

    /// A team's own questions.
    #[must_use]
    pub const fn own(&self) -> &Own {
        &self.own
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
        let own = self.own.decide(&texts);
        let each = texts.into_iter().zip(decisions).zip(vectors).zip(own);
        each.map(|(((text, decisions), vector), own)| {
            let summary = summary(text, decisions.central);
            let mut analysis = assemble(&self.heads, text, &decisions, summary, Language::of(text))?;
            analysis.needs_review |= self.own.needs_review(&own);
            analysis.own = own;
            Ok(Analyzed { analysis, embedding: Some(Embedding::quantised(&space, &vector)) })
        })
        .collect()
    }
}
