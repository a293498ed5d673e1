//! Probabilities to an answer: labels, confidences, alternatives, and whether a person should look.

use std::collections::BTreeMap;

use schemas::analysis::{
    Analysis, Choice, Emotion, Emotions, ModelRef, Mood, Priority, Route, Scored, Sentiment,
};

use crate::{
    labels::{CATEGORIES, KINDS, MOODS, MoodLabel, PRIORITIES, Question, ROUTES, urgency_range},
    language::Language,
    model::{Heads, heads::Decisions},
    reasons::{Reasons, doubts},
};

/// Alternatives less probable than this are noise.
const LEAST_ALTERNATIVE: f32 = 0.02;

/// An answer that lacks a question or steps outside of its labels.
#[derive(Debug, thiserror::Error)]
#[error("the model did not answer {0} within its labels")]
pub struct OutsideOfLabels(&'static str);

/// Puts an answer together.
pub fn assemble(
    heads: &Heads,
    description: &str,
    decisions: &Decisions<'_>,
    summary: String,
    language: Language,
) -> Result<Analysis, OutsideOfLabels> {
    let answer =
        Answer { heads, decisions, reasons: Reasons::new(heads, &decisions.neighbours, description) };
    let mut priority = answer.choice(Question::Priority, &PRIORITIES)?;
    let mut category = answer.choice(Question::Category, &CATEGORIES.map(str::to_owned))?;
    let doubts = doubts(description, language, &decisions.neighbours);
    let urgency = urgency(decisions.urgency, priority.label);
    let needs_review = answer.is_unsure(&category, &priority) || !doubts.is_empty();
    // First of all reasons: the others say why the model is sure of what it may not have understood.
    category.reasons.splice(0..0, doubts.iter().cloned());
    priority.reasons.splice(0..0, doubts);
    Ok(Analysis {
        kind: answer.choice(Question::Kind, &KINDS.map(str::to_owned))?,
        sentiment: answer.mood()?,
        urgency,
        urgency_reasons: answer.reasons.of_urgency(urgency, decisions.urgency, priority.label),
        route: answer.route(priority.label)?,
        needs_review,
        own: BTreeMap::new(),
        category,
        priority,
        entities: decisions.entities.clone(),
        summary,
        language: language.code().to_owned(),
        degraded: false,
        model: answer.model(),
        duration_ms: 0,
        embedding: None,
    })
}

struct Answer<'a> {
    heads: &'a Heads,
    decisions: &'a Decisions<'a>,
    reasons: Reasons<'a>,
}

impl Answer<'_> {
    fn model(&self) -> ModelRef {
        self.heads.model()
    }

    fn probabilities(&self, question: Question) -> Result<&[f32], OutsideOfLabels> {
        let probabilities = self.decisions.probabilities.get(&question).map(Vec::as_slice);
        let is_whole = |p: &&[f32]| p.len() == question.labels().len();
        probabilities.filter(is_whole).ok_or(OutsideOfLabels(question.name()))
    }

    fn choice<L: Clone>(&self, question: Question, labels: &[L]) -> Result<Choice<L>, OutsideOfLabels> {
        let ranked = ranked(self.probabilities(question)?);
        let [(best, confidence), rest @ ..] = ranked.as_slice() else {
            return Err(OutsideOfLabels(question.name()));
        };
        let likely = rest.iter().filter(|(_, score)| *score >= LEAST_ALTERNATIVE);
        Ok(Choice {
            label: labels[*best].clone(),
            confidence: *confidence,
            alternatives: likely
                .map(|&(label, score)| Scored { label: labels[label].clone(), score })
                .collect(),
            reasons: self.reasons.of(question, *best),
        })
    }

    fn mood(&self) -> Result<Mood, OutsideOfLabels> {
        let mood = mood(self.probabilities(Question::Mood)?);
        let is_it = |label: &MoodLabel| (label.sentiment, label.emotion) == (mood.label, mood.emotion);
        let label = MOODS.iter().position(is_it).ok_or(OutsideOfLabels(Question::Mood.name()))?;
        Ok(Mood { reasons: self.reasons.of(Question::Mood, label), ..mood })
    }

    fn route(&self, priority: Priority) -> Result<Route, OutsideOfLabels> {
        let choice = self.choice(Question::Route, &ROUTES.map(str::to_owned))?;
        Ok(Route {
            reasoning: reasoning(&choice.label, priority, &choice.reasons),
            label: choice.label,
            confidence: choice.confidence,
            alternatives: choice.alternatives,
        })
    }

    fn is_unsure(&self, category: &Choice<String>, priority: &Choice<Priority>) -> bool {
        category.confidence < self.heads.review_below(Question::Category)
            || priority.confidence < self.heads.review_below(Question::Priority)
    }
}

fn ranked(probabilities: &[f32]) -> Vec<(usize, f32)> {
    let mut ranked: Vec<_> = probabilities.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

/// The likeliest sentiment, and the likeliest emotion among those that fit it.
fn mood(probabilities: &[f32]) -> Mood {
    let moods: Vec<(MoodLabel, f32)> = MOODS.into_iter().zip(probabilities.iter().copied()).collect();
    let sum = |sentiment: Sentiment| {
        moods.iter().filter(|(m, _)| m.sentiment == sentiment).map(|(_, p)| p).sum::<f32>()
    };
    let sums = [Sentiment::Neutral, Sentiment::Negative, Sentiment::Positive].map(|s| (s, sum(s)));
    let (label, confidence) = best(sums).unwrap_or((Sentiment::Neutral, 0.0));
    let fitting = moods.iter().filter(|(mood, _)| mood.sentiment == label);
    let emotion =
        best(fitting.map(|(mood, p)| (mood.emotion, *p))).map_or(Emotion::None, |(emotion, _)| emotion);
    Mood {
        label,
        confidence: confidence.min(1.0),
        emotion,
        emotions: emotions(&moods),
        alternatives: others(sums, label),
        reasons: Vec::new(),
    }
}

fn others(mut sums: [(Sentiment, f32); 3], decided: Sentiment) -> Vec<Scored<Sentiment>> {
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    let others = sums.into_iter().filter(|(label, score)| *label != decided && *score >= LEAST_ALTERNATIVE);
    others.map(|(label, score)| Scored { label, score }).collect()
}

fn best<T>(scored: impl IntoIterator<Item = (T, f32)>) -> Option<(T, f32)> {
    scored.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
}

fn emotions(moods: &[(MoodLabel, f32)]) -> Emotions {
    let strengths: BTreeMap<_, _> = moods.iter().map(|(mood, p)| (mood.name(), *p)).collect();
    let strength = |name: &str| strengths.get(name).copied().unwrap_or_default();
    Emotions {
        joy: strength("positive/joy"),
        anger: strength("negative/anger"),
        frustration: strength("negative/frustration"),
        satisfaction: strength("positive/satisfaction"),
    }
}

/// The urgency, kept where it fits the priority.
fn urgency(raw: f32, priority: Priority) -> u8 {
    let (least, most) = urgency_range(priority);
    (raw.round().clamp(f32::from(least), f32::from(most))) as u8
}

/// The rule of the channel, and what else speaks for it.
fn reasoning(route: &str, priority: Priority, reasons: &[String]) -> String {
    let all = std::iter::once(rule(route, priority)).chain(reasons.iter().map(String::as_str));
    all.collect::<Vec<_>>().join("; ") + "."
}

fn rule(route: &str, priority: Priority) -> &'static str {
    match (route, priority) {
        ("video-call", Priority::Critical) => "A critical ticket is handled face to face",
        ("video-call", _) => "It has to be looked at together",
        ("co-browse", _) => "The help is needed on the requester's screen, step by step",
        ("ai-chatbot", _) => "Information or self-service settles it",
        _ => "A person has to decide, look something up or change something on the server side",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emotion_always_fits_the_sentiment() {
        // Frustration is the likeliest single mood, but positive moods outweigh it together.
        let mood = mood(&[0.1, 0.0, 0.0, 0.34, 0.28, 0.28]);
        assert_eq!(mood.label, Sentiment::Positive);
        assert!(matches!(mood.emotion, Emotion::Joy | Emotion::Satisfaction));
        let others: Vec<_> = mood.alternatives.iter().map(|other| other.label).collect();
        assert_eq!(others, [Sentiment::Negative, Sentiment::Neutral]);
    }

    #[test]
    fn a_neutral_mood_has_no_emotion() {
        assert_eq!(mood(&[0.9, 0.1, 0.0, 0.0, 0.0, 0.0]).emotion, Emotion::None);
    }

    #[test]
    fn the_reasons_of_a_channel_follow_its_rule() {
        let reasons = ["4 of the 5 nearest known tickets are ai-chatbot", "the text speaks of a question"];
        assert_eq!(
            reasoning("ai-chatbot", Priority::Low, &reasons.map(str::to_owned)),
            "Information or self-service settles it; 4 of the 5 nearest known tickets are ai-chatbot; the text \
             speaks of a question."
        );
        assert_eq!(reasoning("video-call", Priority::High, &[]), "It has to be looked at together.");
    }

    #[test]
    fn the_urgency_stays_within_what_fits_the_priority() {
        assert_eq!(urgency(1.2, Priority::Critical), 9);
        assert_eq!(urgency(9.7, Priority::Low), 3);
        assert_eq!(urgency(4.4, Priority::Medium), 4);
    }
}
