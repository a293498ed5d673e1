//! What somebody says is right in an analysis, in clear text. Summary and entities are sealed by the time a correction is
//! decided on, so their rules are here: whoever holds an [`Amendment`] holds one that keeps them.

use std::fmt;

use schemas::{
    analysis::Entity,
    work::{Decided, Decision, Reading},
};

use crate::{
    labels::{self, ENTITIES},
    rejection::Rejection,
};

/// What a summary and the text of an entity may hold, in characters (not bytes).
const SUMMARY_CHARS: std::ops::RangeInclusive<usize> = 1..=140;
const ENTITY_CHARS: std::ops::RangeInclusive<usize> = 1..=200;
/// Entities of one ticket at most.
const MOST_ENTITIES: usize = 100;

/// What is said to be right, whatever it is about.
pub enum Claim {
    /// A level.
    Level(u8),
    /// A label or a sentence.
    Text(String),
    /// What the text names.
    Entities(Vec<Entity>),
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Amendment {
    /// A decision, which [`decide`](crate::decide()) compares with its closed set.
    Decision(Decision, Decided),
    /// The summary.
    Summary(Summary),
    /// What the text names.
    Entities(Entities),
}

/// One line of 1 to 140 characters, trimmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Summary(String);

/// At most 100 of the known labels, each where it says it is. None is an answer, too.
#[derive(Clone, PartialEq)]
pub struct Entities(Vec<Entity>);

impl Amendment {
    /// What `claim` means for the part of an analysis that has this name.
    ///
    /// # Errors
    /// Which names there are, or what the named part must be.
    pub fn parse(field: &str, claim: Claim) -> Result<Self, Rejection> {
        match (field, claim) {
            ("summary", Claim::Text(text)) => Summary::parse(&text).map(Self::Summary),
            ("summary", _) => Err(impossible("summary", Summary::in_words())),
            ("entities", Claim::Entities(entities)) => Entities::parse(entities).map(Self::Entities),
            ("entities", _) => Err(impossible("entities", "a list".to_owned())),
            (name, claim) => {
                let known = Decision::ALL.into_iter().find(|decision| decision.name() == name);
                decided(known.ok_or_else(|| Rejection::UnknownField(field_names().join(", ")))?, claim)
            }
        }
    }
}

/// Everything that can be corrected, by its name on the wire.
pub fn field_names() -> Vec<&'static str> {
    Decision::ALL.map(Decision::name).into_iter().chain(Reading::NAMES).collect()
}

fn decided(decision: Decision, claim: Claim) -> Result<Amendment, Rejection> {
    let decided = match claim {
        Claim::Level(level) => Decided::Level(level),
        Claim::Text(label) => Decided::Label(label),
        Claim::Entities(_) => return Err(impossible(decision.name(), labels::in_words(decision))),
    };
    Ok(Amendment::Decision(decision, decided))
}

impl Summary {
    fn parse(text: &str) -> Result<Self, Rejection> {
        let text = text.trim();
        if !SUMMARY_CHARS.contains(&text.chars().count()) || text.contains(char::is_control) {
            return Err(impossible("summary", Self::in_words()));
        }
        Ok(Self(text.to_owned()))
    }

    fn in_words() -> String {
        format!("one line of {} to {} characters", SUMMARY_CHARS.start(), SUMMARY_CHARS.end())
    }

    /// The text.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl Entities {
    fn parse(entities: Vec<Entity>) -> Result<Self, Rejection> {
        let broken = if entities.len() > MOST_ENTITIES {
            Some(format!("a list of at most {MOST_ENTITIES}"))
        } else {
            entities.iter().find_map(broken_rule)
        };
        broken.map_or_else(|| Ok(Self(entities)), |rule| Err(impossible("entities", rule)))
    }

    /// The entities.
    #[must_use]
    pub fn into_inner(self) -> Vec<Entity> {
        self.0
    }
}

/// The rule an entity breaks. Whether its text stands there only whoever opens the ticket could say.
fn broken_rule(entity: &Entity) -> Option<String> {
    let chars = entity.text.chars().count();
    if !ENTITIES.contains(&entity.label.as_str()) {
        Some(format!("labelled one of {}", ENTITIES.join(", ")))
    } else if !ENTITY_CHARS.contains(&chars) || entity.text.trim().is_empty() || entity.text.contains('\0') {
        Some(format!("texts of {} to {} characters", ENTITY_CHARS.start(), ENTITY_CHARS.end()))
    } else if entity.start >= entity.end {
        Some("spans whose start is before their end".to_owned())
    } else if entity.end - entity.start != chars {
        Some("spans as long as their texts, counted in characters".to_owned())
    } else {
        None
    }
}

const fn impossible(field: &'static str, rule: String) -> Rejection {
    Rejection::ImpossibleCorrection(field, rule)
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Summary({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Entities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entities({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(text: &str, label: &str, start: usize, end: usize) -> Entity {
        Entity { text: text.to_owned(), label: label.to_owned(), start, end, confidence: 1.0 }
    }

    #[test]
    fn a_debug_print_shows_no_personal_data() {
        let summary = Amendment::parse("summary", Claim::Text("Ada is locked out.".to_owned())).unwrap();
        let ada = Claim::Entities(vec![entity("Ada", "PERSON", 0, 3)]);
        let entities = Amendment::parse("entities", ada).unwrap();
        assert_eq!(format!("{summary:?} {entities:?}"), "Summary(Summary(18 bytes)) Entities(Entities(1))");
    }
}
