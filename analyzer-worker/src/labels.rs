//! The closed sets of labels. An answer outside of them is an error, never a new label.

use schemas::analysis::{Emotion, Priority, Sentiment};
use serde::Serialize;

pub use ticket::labels::{CATEGORIES, ENTITIES, KINDS, ROUTES};

/// The priorities, ascending.
pub const PRIORITIES: [Priority; 4] = [Priority::Low, Priority::Medium, Priority::High, Priority::Critical];

/// A sentiment with the emotion behind it. They are decided together, so that no answer can contradict itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoodLabel {
    /// The attitude.
    pub sentiment: Sentiment,
    /// The emotion behind it.
    pub emotion: Emotion,
}

impl MoodLabel {
    const fn new(sentiment: Sentiment, emotion: Emotion) -> Self {
        Self { sentiment, emotion }
    }

    /// The label as the heads' manifest spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.sentiment, self.emotion) {
            (Sentiment::Neutral, _) => "neutral",
            (Sentiment::Positive, Emotion::Joy) => "positive/joy",
            (Sentiment::Positive, _) => "positive/satisfaction",
            (Sentiment::Negative, Emotion::Anger) => "negative/anger",
            (Sentiment::Negative, Emotion::Frustration) => "negative/frustration",
            (Sentiment::Negative, _) => "negative/none",
        }
    }
}

/// Every mood the label guide allows.
pub const MOODS: [MoodLabel; 6] = [
    MoodLabel::new(Sentiment::Neutral, Emotion::None),
    MoodLabel::new(Sentiment::Negative, Emotion::None),
    MoodLabel::new(Sentiment::Negative, Emotion::Anger),
    MoodLabel::new(Sentiment::Negative, Emotion::Frustration),
    MoodLabel::new(Sentiment::Positive, Emotion::Joy),
    MoodLabel::new(Sentiment::Positive, Emotion::Satisfaction),
];

/// The urgencies that fit a priority, 1 to 10 (label guide: "as a rule").
#[must_use]
pub const fn urgency_range(priority: Priority) -> (u8, u8) {
    match priority {
        Priority::Low => (1, 3),
        Priority::Medium => (3, 6),
        Priority::High => (6, 8),
        Priority::Critical => (9, 10),
    }
}

/// A decision that one trained head takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Who has to repair or change something.
    Category,
    /// Impact times urgency.
    Priority,
    /// What the writer wants.
    Kind,
    /// Sentiment and emotion together.
    Mood,
    /// The best support channel.
    Route,
}

impl Question {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Category, Self::Priority, Self::Kind, Self::Mood, Self::Route];

    /// The name of the head.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Priority => "priority",
            Self::Kind => "kind",
            Self::Mood => "mood",
            Self::Route => "route",
        }
    }

    /// The labels to choose from, in the order of the head's outputs.
    #[must_use]
    pub fn labels(self) -> Vec<&'static str> {
        match self {
            Self::Category => CATEGORIES.to_vec(),
            Self::Priority => PRIORITIES.map(Priority::name).to_vec(),
            Self::Kind => KINDS.to_vec(),
            Self::Mood => MOODS.map(MoodLabel::name).to_vec(),
            Self::Route => ROUTES.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_question_offers_a_label_twice() {
        for question in Question::ALL {
            let labels = question.labels();
            assert_eq!(labels.iter().collect::<HashSet<_>>().len(), labels.len(), "{question:?}");
        }
    }

    #[test]
    fn every_mood_keeps_emotion_and_sentiment_consistent() {
        for mood in MOODS {
            let expected = match mood.emotion {
                Emotion::Joy | Emotion::Satisfaction => Sentiment::Positive,
                Emotion::Anger | Emotion::Frustration => Sentiment::Negative,
                Emotion::None => continue,
            };
            assert_eq!(mood.sentiment, expected, "{}", mood.name());
        }
    }
}
