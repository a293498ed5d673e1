//! Why a decision was taken, in words that quote nobody.

use schemas::analysis::Priority;

use crate::{
    labels::{Question, urgency_range},
    language::Language,
    model::{
        Heads,
        cues::{self, Cue},
        known::Neighbours,
    },
};

/// Cues named at most.
const MAX_CUES: usize = 3;

/// What can be said about one ticket.
pub struct Reasons<'a> {
    heads: &'a Heads,
    neighbours: &'a Neighbours,
    cues: cues::Named,
}

impl<'a> Reasons<'a> {
    /// The reasons of a ticket with these neighbours.
    #[must_use]
    pub fn new(heads: &'a Heads, neighbours: &'a Neighbours, description: &str) -> Self {
        Self { heads, neighbours, cues: cues::named(description) }
    }

    /// Why a question has this label: what speaks for it first, then what speaks against it.
    #[must_use]
    pub fn of(&self, question: Question, label: usize) -> Vec<String> {
        let cues = match question {
            Question::Category => &self.cues.topics,
            _ => &self.cues.circumstances,
        };
        let spoken_of = spoken_of(cues, |cue| self.heads.favour().is_for(question, label, cue));
        let agreement = self.heads.known().agreement(question, label, &self.neighbours.tickets);
        weighed(spoken_of, Some(agreement))
    }

    /// Why a ticket is that urgent; `read` is what was read off the text, before the priority had its say.
    #[must_use]
    pub fn of_urgency(&self, level: u8, read: f32, priority: Priority) -> Vec<String> {
        let is_for = |cue| self.heads.favour().is_for_urgency(level, cue);
        let mut reasons = spoken_of(&self.cues.circumstances, is_for);
        reasons.push(urgency_by_priority(priority, level, Some(read)));
        weighed(reasons, self.heads.known().agreement_on_urgency(level, &self.neighbours.tickets))
    }
}

/// The first cues that speak for something.
fn spoken_of(cues: &[Cue], speaks_for: impl Fn(usize) -> bool) -> Vec<String> {
    let cues = cues.iter().filter(|cue| speaks_for(cue.place)).take(MAX_CUES);
    cues.map(|cue| format!("the text speaks of {}", cue.name)).collect()
}

/// Reasons with what the nearest known tickets say: first where they agree, last where they do not.
fn weighed(mut reasons: Vec<String>, agreement: Option<Result<String, String>>) -> Vec<String> {
    match agreement {
        Some(Ok(agreeing)) => reasons.insert(0, agreeing),
        Some(Err(disagreeing)) => reasons.push(disagreeing),
        None => {}
    }
    reasons
}

/// What the priority has to do with the urgency; `read` is what a model read off the text, if one did.
#[must_use]
pub fn urgency_by_priority(priority: Priority, level: u8, read: Option<f32>) -> String {
    let ((least, most), name) = (urgency_range(priority), priority.name());
    let rule = format!("priority {name} goes with an urgency of {least} to {most}");
    match read.map(|read| read.round().clamp(1.0, 10.0) as u8) {
        Some(read) if read != level => format!("{rule}: {read} by the text alone"),
        _ => rule,
    }
}

/// Why the model may not have understood a text, however sure it is.
#[must_use]
pub fn doubts(text: &str, language: Language, neighbours: &Neighbours) -> Vec<String> {
    if !has_words(text) {
        return vec!["the text has no words".to_owned()];
    }
    let language = match language {
        Language::Other(Some(language)) => {
            Some(format!("the text is in {}, which the model has not learned", language.eng_name()))
        }
        Language::Other(None) => Some("the text is in a language that the model has not learned".to_owned()),
        Language::English | Language::Unclear => None,
    };
    let strange = neighbours.are_far.then(|| "no known ticket reads like this one".to_owned());
    language.into_iter().chain(strange).collect()
}

/// Whether there are two letters side by side anywhere: what a text of digits and signs is near to is chance.
fn has_words(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphabetic()).any(|word| word.chars().nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_urgency_says_what_its_priority_made_of_it() {
        let reason = |level, read| urgency_by_priority(Priority::High, level, read);
        let rule = "priority High goes with an urgency of 6 to 8";
        assert_eq!((reason(7, Some(7.4)).as_str(), reason(7, None).as_str()), (rule, rule));
        assert_eq!(reason(6, Some(4.2)), format!("{rule}: 4 by the text alone"));
        assert_eq!(reason(8, Some(11.0)), format!("{rule}: 10 by the text alone"));
    }

    #[test]
    fn what_the_model_has_not_learned_is_doubted() {
        let (near, far) = (Neighbours::default(), Neighbours { are_far: true, ..Neighbours::default() });
        let german = "Wir wurden gehackt, alle Dateien sind verschlüsselt, bitte sofort helfen!";
        let in_german = "the text is in German, which the model has not learned";
        assert_eq!(doubts(german, Language::of(german), &near), [in_german]);
        assert_eq!(doubts("VPN", Language::Unclear, &far), ["no known ticket reads like this one"]);
        for language in [Language::English, Language::Unclear] {
            assert!(doubts("VPN", language, &near).is_empty());
            assert_eq!(doubts("809 a !?", language, &near), ["the text has no words"]);
        }
    }
}
