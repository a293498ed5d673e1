//! What the analyzer answers about a ticket. The same object is the `analysis` member of `POST /analyze`, of the
//! `aiAnalysis` of a submission, and the data of `TicketAnalyzed`; only there its personal parts are sealed.
//!
//! Category, kind and route are a team's own label sets, so they are text here; the analyzer and the ticket
//! domain keep them closed. Priority, sentiment and emotion mean the same for everybody.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{embedding::Embedding, personal::Sealed};

/// The whole answer, with its personal parts readable.
pub type Analysis = AnalysisOf<Vec<Entity>, String>;

/// The whole answer as events carry it: entities and summary sealed.
pub type SealedAnalysis = AnalysisOf<Sealed<Vec<Entity>>, Sealed<String>>;

/// The answer, over how its personal parts are held: `E` entities, `S` summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisOf<E, S> {
    /// Who has to repair or change something.
    pub category: Choice<String>,
    /// Impact times urgency.
    pub priority: Choice<Priority>,
    /// What the writer wants: approval, revision, urgent, technical, question or general by default.
    pub kind: Choice<String>,
    /// The attitude the writer expresses.
    pub sentiment: Mood,
    /// 1 (whenever) to 10 (this minute).
    #[schemars(range(min = 1, max = 10))]
    pub urgency: u8,
    /// Why it is that urgent, without quoting the ticket. Early analyses have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urgency_reasons: Vec<String>,
    /// The best support channel.
    pub route: Route,
    /// A team's own questions, by name, answered from label sets it taught the analyzer itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<String, Choice<String>>,
    /// What the text names: hosts, people, codes, dates.
    pub entities: E,
    /// One sentence of at most 140 characters.
    pub summary: S,
    /// ISO 639-1 code of the text's language, `und` where it cannot be told.
    pub language: String,
    /// No choice was sure enough, or the text is like nothing the model learned: a person should look.
    pub needs_review: bool,
    /// The model could not run and rules answered; a later event replaces this one.
    pub degraded: bool,
    /// What answered.
    pub model: ModelRef,
    /// Time from the text to the answer, milliseconds.
    pub duration_ms: u32,
    /// The text as a point in the encoder's space, for finding similar tickets. It tells about the text, so it exists
    /// in events only, and only sealed; rules and early analyses have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Sealed<Embedding>>,
}

impl<E, S> AnalysisOf<E, S> {
    /// The same answer with its personal parts held another way; without the embedding, which is held in no other.
    pub fn with_personal<E2, S2>(self, entities: E2, summary: S2) -> AnalysisOf<E2, S2> {
        AnalysisOf {
            entities,
            summary,
            category: self.category,
            priority: self.priority,
            kind: self.kind,
            sentiment: self.sentiment,
            urgency: self.urgency,
            urgency_reasons: self.urgency_reasons,
            route: self.route,
            own: self.own,
            language: self.language,
            needs_review: self.needs_review,
            degraded: self.degraded,
            model: self.model,
            duration_ms: self.duration_ms,
            embedding: None,
        }
    }
}

/// What HTTP clients get: the four members of document 000, and the full result beside them.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AnalysisAnswer {
    category: String,
    priority: Priority,
    summary: String,
    entities: Vec<String>,
    analysis: Analysis,
}

impl From<Analysis> for AnalysisAnswer {
    fn from(analysis: Analysis) -> Self {
        Self {
            category: analysis.category.label.clone(),
            priority: analysis.priority.label,
            summary: analysis.summary.clone(),
            entities: analysis.entities.iter().map(|entity| entity.text.clone()).collect(),
            analysis,
        }
    }
}

/// One decision among the labels of a closed set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice<L> {
    /// The label decided for.
    pub label: L,
    /// Calibrated probability of being right, 0 to 1.
    pub confidence: f32,
    /// The other labels, best first.
    pub alternatives: Vec<Scored<L>>,
    /// Why, without quoting the ticket.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// A label with its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored<L> {
    /// The label.
    pub label: L,
    /// Probability, 0 to 1.
    pub score: f32,
}

/// Impact times urgency, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the labels are defined in docs/LABELS.md")]
pub enum Priority {
    Low,
    Medium,
    High,
    Critical,
}

impl Priority {
    /// All of them, ascending.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

/// The attitude of the writer, not the state of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the labels are defined in docs/LABELS.md")]
pub enum Sentiment {
    Positive,
    Neutral,
    Negative,
}

impl Sentiment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Positive, Self::Neutral, Self::Negative];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Neutral => "neutral",
            Self::Negative => "negative",
        }
    }
}

/// The dominant emotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the labels are defined in docs/LABELS.md")]
pub enum Emotion {
    Joy,
    Anger,
    Frustration,
    Satisfaction,
    None,
}

impl Emotion {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Joy, Self::Anger, Self::Frustration, Self::Satisfaction, Self::None];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joy => "joy",
            Self::Anger => "anger",
            Self::Frustration => "frustration",
            Self::Satisfaction => "satisfaction",
            Self::None => "none",
        }
    }
}

/// Sentiment, and the emotions behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mood {
    /// The attitude.
    pub label: Sentiment,
    /// Calibrated probability of the label, 0 to 1.
    pub confidence: f32,
    /// The dominant emotion; consistent with the label.
    pub emotion: Emotion,
    /// Strength of each emotion.
    pub emotions: Emotions,
    /// The other attitudes, best first. Early analyses have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Scored<Sentiment>>,
    /// Why, without quoting the ticket. Early analyses have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Strength of each emotion, 0 to 1; what is left to 1 is no emotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the emotions")]
pub struct Emotions {
    pub joy: f32,
    pub anger: f32,
    pub frustration: f32,
    pub satisfaction: f32,
}

/// The support channel to use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The channel decided for: ai-chatbot, live-chat, co-browse or video-call by default.
    pub label: String,
    /// Calibrated probability of being right, 0 to 1.
    pub confidence: f32,
    /// One sentence saying why, without quoting the ticket.
    pub reasoning: String,
    /// The other channels, best first.
    pub alternatives: Vec<Scored<String>>,
}

/// A span of the analyzed text that names something. The text is the description, and below it, each after two line
/// breaks, what was said in recordings, in the order in which they were written down (`TicketTranscribed`): a start at or
/// beyond the end of the description lies in what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// The exact substring.
    pub text: String,
    /// PERSON, ORG, PRODUCT, LOCATION, HOST, IP, EMAIL, URL, `ERROR_CODE`, DATETIME or PHONE.
    pub label: String,
    /// Where it starts, in characters of the analyzed text.
    pub start: usize,
    /// Where it ends (exclusive), in characters of the analyzed text.
    pub end: usize,
    /// Probability of being right, 0 to 1.
    pub confidence: f32,
}

/// Which model answered, precisely enough to repeat it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRef {
    /// Name of the encoder.
    pub name: String,
    /// Revision of the trained heads.
    pub revision: String,
    /// SHA-256 of the heads' weights, hexadecimal.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for priority in Priority::ALL {
            assert_eq!(json!(priority), priority.name());
        }
        for sentiment in Sentiment::ALL {
            assert_eq!(json!(sentiment), sentiment.name());
        }
        for emotion in Emotion::ALL {
            assert_eq!(json!(emotion), emotion.name());
        }
    }
}
