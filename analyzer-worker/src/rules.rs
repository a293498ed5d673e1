//! What can be said without a model: the keyword rule every trained head has to beat, and the degraded answer
//! while the model cannot run.

use schemas::analysis::{
    Analysis, Choice, Emotion, Emotions, ModelRef, Mood, Priority, Route, Scored, Sentiment,
};

use crate::{
    engine::Request, entities::entities, labels::CATEGORIES, language::Language,
    reasons::urgency_by_priority, summary::summary,
};

/// Words of the keyword rule that make a ticket urgent.
const ALARM_WORDS: [&str; 5] = ["critical", "down", "broken", "urgent", "asap"];

/// What priorities and urgencies of an answer without a model follow from.
const KEYWORD_RULE: &str = "keyword rule";
/// How often the form is right about the category.
const FORM_CONFIDENCE: f32 = 0.8;
/// Among five categories, knowing nothing.
const NO_CONFIDENCE: f32 = 0.2;
/// How often the alarm words are right about the priority; measured by `analyzer-worker evaluate`.
const ALARM_CONFIDENCE: f32 = 0.4;

/// The keyword rule: High where an alarm word occurs anywhere in the lower-case text, else Medium.
#[must_use]
pub fn keyword_priority(description: &str) -> Priority {
    let text = description.to_lowercase();
    let is_alarming = ALARM_WORDS.iter().any(|word| text.contains(word));
    if is_alarming { Priority::High } else { Priority::Medium }
}

/// What the form says, if it says one of the categories, else the one for the rest.
#[must_use]
pub fn form_category(request_type: &str) -> &'static str {
    CATEGORIES.into_iter().find(|&category| category == request_type).unwrap_or("General")
}

/// The answer while the model cannot run: it says so, and that a person should look.
#[must_use]
pub fn degraded(request: &Request) -> Analysis {
    let priority = keyword_priority(&request.description);
    let urgency = if priority == Priority::High { 7 } else { 5 };
    Analysis {
        category: category_of_form(&request.request_type),
        priority: choice(priority, ALARM_CONFIDENCE, KEYWORD_RULE),
        kind: choice("general".to_owned(), 0.2, "no model"),
        sentiment: Mood {
            label: Sentiment::Neutral,
            confidence: 0.5,
            emotion: Emotion::None,
            emotions: Emotions::default(),
            alternatives: Vec::new(),
            reasons: Vec::new(),
        },
        urgency,
        urgency_reasons: vec![KEYWORD_RULE.to_owned(), urgency_by_priority(priority, urgency, None)],
        route: Route {
            label: "live-chat".to_owned(),
            confidence: 0.4,
            reasoning: "The model is not available, so a person should take it.".to_owned(),
            alternatives: Vec::new(),
        },
        entities: entities(&request.description),
        summary: summary(&request.description, None),
        language: Language::of(&request.description).code().to_owned(),
        needs_review: true,
        degraded: true,
        model: ModelRef { name: "rules".to_owned(), revision: "1".to_owned(), sha256: String::new() },
        own: std::collections::BTreeMap::new(),
        duration_ms: 0,
        embedding: None,
    }
}

/// A request type that is no category says nothing about one.
fn category_of_form(request_type: &str) -> Choice<String> {
    let (confidence, reason) = if CATEGORIES.contains(&request_type) {
        (FORM_CONFIDENCE, "request type of the form")
    } else {
        (NO_CONFIDENCE, "the request type of the form is none of the categories")
    };
    choice(form_category(request_type).to_owned(), confidence, reason)
}

fn choice<L>(label: L, confidence: f32, reason: &str) -> Choice<L> {
    let alternatives: Vec<Scored<L>> = Vec::new();
    Choice { label, confidence, alternatives, reasons: vec![reason.to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_word_anywhere_makes_the_keyword_rule_say_high() {
        assert_eq!(keyword_priority("My laptop broke DOWN"), Priority::High);
        assert_eq!(keyword_priority("please download it"), Priority::High);
        assert_eq!(keyword_priority("Nobody can work"), Priority::Medium);
    }

    #[test]
    fn a_degraded_answer_says_so_and_asks_for_a_person() {
        let request = Request {
            description: "The switch sw-cold-01 is dark.".to_owned(),
            request_type: "Plumbing".to_owned(),
        };
        let answer = degraded(&request);
        assert!(answer.degraded && answer.needs_review);
        assert_eq!(
            (answer.category.label.as_str(), answer.entities[0].text.as_str()),
            ("General", "sw-cold-01")
        );
        assert_eq!(
            answer.urgency_reasons,
            ["keyword rule", "priority Medium goes with an urgency of 3 to 6"]
        );
    }

    #[test]
    fn a_request_type_that_is_no_category_makes_nobody_sure() {
        let answer = |request_type: &str| {
            let request_type = request_type.to_owned();
            degraded(&Request { description: "The tap drips.".to_owned(), request_type }).category
        };
        let (known, unknown) = (answer("Network"), answer("Plumbing"));
        assert_eq!(
            (known.label.as_str(), known.reasons[0].as_str()),
            ("Network", "request type of the form")
        );
        assert!(unknown.confidence <= 0.2 && unknown.confidence < known.confidence);
        assert_eq!(unknown.reasons, ["the request type of the form is none of the categories"]);
    }
}
