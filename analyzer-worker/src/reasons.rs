//! Why a decision was taken, in words that quote nobody.

use crate::{
    labels::Question,
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
        let speaks_for = |cue: &&Cue| self.heads.favour().is_for(question, label, cue.place);
        let cues = cues.iter().filter(speaks_for).take(MAX_CUES);
        let agreement = self.heads.known().agreement(question, label, &self.neighbours.tickets);
        let mut reasons: Vec<_> = cues.map(|cue| format!("the text speaks of {}", cue.name)).collect();
        match agreement {
            Ok(agreeing) => reasons.insert(0, agreeing),
            Err(disagreeing) => reasons.push(disagreeing),
        }
        reasons
    }
}

/// Why the model may not have understood a text, however sure it is.
#[must_use]
pub fn doubts(language: Language, neighbours: &Neighbours) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_has_not_learned_is_doubted() {
        let (near, far) = (Neighbours::default(), Neighbours { are_far: true, ..Neighbours::default() });
        let german =
            Language::of("Wir wurden gehackt, alle Dateien sind verschlüsselt, bitte sofort helfen!");
        assert_eq!(doubts(german, &near), ["the text is in German, which the model has not learned"]);
        assert_eq!(doubts(Language::Unclear, &far), ["no known ticket reads like this one"]);
        assert!(doubts(Language::English, &near).is_empty() && doubts(Language::Unclear, &near).is_empty());
    }
}
