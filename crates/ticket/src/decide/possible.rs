//! Which answers of the analyzer mean anything: labels of the closed sets, and probabilities between 0 and 1.

use schemas::{
    analysis::{Choice, Entity, Mood, Priority, Scored},
    event::TicketAnalyzed,
    work::Decision,
};

use crate::{
    labels::{ENTITIES, URGENCIES, allow_label},
    rejection::Rejection,
};

/// Entities are sealed by the time an answer is decided on, so whoever seals them checks them first.
///
/// # Errors
/// A label that is no entity's, or a confidence outside 0 to 1.
pub fn check_entities(entities: &[Entity]) -> Result<(), Rejection> {
    for entity in entities {
        check_probability("entities", entity.confidence)?;
        if !ENTITIES.contains(&entity.label.as_str()) {
            return Err(Rejection::InventedLabel("entities"));
        }
    }
    Ok(())
}

pub(super) fn check(answer: &TicketAnalyzed) -> Result<(), Rejection> {
    check_decision(Decision::Category, choice(&answer.category, String::as_str))?;
    check_decision(Decision::Priority, choice(&answer.priority, |priority: &Priority| priority.name()))?;
    check_decision(Decision::Kind, choice(&answer.kind, String::as_str))?;
    check_mood(&answer.sentiment)?;
    let route = &answer.route;
    check_decision(
        Decision::Route,
        ranked(&route.label, route.confidence, &route.alternatives, String::as_str),
    )?;
    if !URGENCIES.contains(&answer.urgency) {
        return Err(Rejection::ImpossibleAnalysis("urgency"));
    }
    check_own(answer)
}

/// A sentiment's labels are types, which allow nothing else.
pub(super) fn check_mood(mood: &Mood) -> Result<(), Rejection> {
    let emotions = mood.emotions;
    let strengths = [emotions.joy, emotions.anger, emotions.frustration, emotions.satisfaction];
    ranked(&mood.label, mood.confidence, &mood.alternatives, |sentiment| sentiment.name())
        .map(|(_, probability)| probability)
        .chain(strengths)
        .try_for_each(|probability| check_probability("sentiment", probability))
}

/// A team's own label sets are known to its model alone.
fn check_own(answer: &TicketAnalyzed) -> Result<(), Rejection> {
    let mut all = answer.own.values().flat_map(|own| choice(own, String::as_str));
    all.try_for_each(|(_, probability)| check_probability("own", probability))
}

fn check_decision<'a>(
    decision: Decision,
    mut scored: impl Iterator<Item = (&'a str, f32)>,
) -> Result<(), Rejection> {
    scored.try_for_each(|(label, probability)| {
        check_probability(decision.name(), probability)?;
        if allow_label(decision, label) { Ok(()) } else { Err(Rejection::InventedLabel(decision.name())) }
    })
}

/// NaN is in no range.
fn check_probability(field: &'static str, probability: f32) -> Result<(), Rejection> {
    if (0.0..=1.0).contains(&probability) { Ok(()) } else { Err(Rejection::ImpossibleAnalysis(field)) }
}

fn choice<'a, L>(
    choice: &'a Choice<L>,
    name: impl Fn(&'a L) -> &'a str,
) -> impl Iterator<Item = (&'a str, f32)> {
    ranked(&choice.label, choice.confidence, &choice.alternatives, name)
}

/// The label decided for and the other ones, by name.
fn ranked<'a, L>(
    label: &'a L,
    confidence: f32,
    alternatives: &'a [Scored<L>],
    name: impl Fn(&'a L) -> &'a str,
) -> impl Iterator<Item = (&'a str, f32)> {
    let others = alternatives.iter().map(|other| (&other.label, other.score));
    std::iter::once((label, confidence)).chain(others).map(move |(label, score)| (name(label), score))
}
