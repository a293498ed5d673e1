//! Why a decision was taken, in words that quote nobody.

use crate::{
    labels::Question,
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
