//! The facts that people make: what they do with a ticket, and what they correct in its analysis.
//!
//! What they write is personal data of the requester, whoever writes it: it is sealed under the requester's key, so that
//! erasing the requester erases the whole conversation.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{analysis::AnalysisOf, id::EventId, personal::Sealed};

/// Somebody takes care of a ticket from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketAssigned {
    /// The agent or the team, by the id the desk knows them by.
    pub assignee: String,
}

/// Somebody said something about a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketCommented {
    /// What, 1 to 2000 characters.
    pub text: Sealed<String>,
}

/// A ticket is solved, in the eyes of whoever solved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketResolved {
    /// How, 1 to 2000 characters.
    pub resolution: Sealed<String>,
}

/// A ticket is worked on again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketReopened {
    /// Why, 1 to 2000 characters.
    pub reason: Sealed<String>,
}

/// Nobody works on a ticket any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketClosed {}

/// The requester agrees that a ticket is solved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolutionConfirmed {
    /// How content the requester is, 1 (not at all) to 5 (entirely).
    #[schemars(range(min = 1, max = 5))]
    pub score: u8,
    /// SHA-256 of the signature that was given, hexadecimal: it proves the signature without keeping it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Somebody knows better than the analyzer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisCorrected {
    /// Which decision of the analysis.
    pub field: Decision,
    /// What held before, by the analyzer or by an earlier correction.
    pub from: Decided,
    /// What holds now.
    pub to: Decided,
    /// Why, 1 to 2000 characters.
    pub reason: Sealed<String>,
    /// Who says so, as in the actor of an envelope.
    pub by: String,
    /// The event of the analysis that is corrected.
    pub analysis_id: EventId,
}

/// The decisions of an analysis that can be corrected. Entities and summary are read off the text, not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the decisions are defined in docs/LABELS.md")]
pub enum Decision {
    Category,
    Priority,
    Kind,
    Sentiment,
    Urgency,
    Route,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a label, or a level of 1 to 10")]
pub enum Decided {
    /// The level of an urgency, 1 to 10.
    Level(
        #[serde(deserialize_with = "whole")]
        #[schemars(range(min = 1, max = 10))]
        u8,
    ),
    /// The label of any other decision.
    Label(String),
}

/// A number without a fraction: in JSON 3.0 is as whole as 3.
///
/// # Errors
/// When it has one, or is none of 0 to 255.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=255.0).contains(&number) {
        Ok(number as u8)
    } else {
        Err(D::Error::custom("must be a whole number of 0 to 255"))
    }
}

impl<E, S> AnalysisOf<E, S> {
    /// What was decided.
    #[must_use]
    pub fn decided(&self, decision: Decision) -> Decided {
        Decided::Label(match decision {
            Decision::Urgency => return Decided::Level(self.urgency),
            Decision::Category => self.category.label.clone(),
            Decision::Priority => self.priority.label.name().to_owned(),
            Decision::Kind => self.kind.label.clone(),
            Decision::Sentiment => self.sentiment.label.name().to_owned(),
            Decision::Route => self.route.label.clone(),
        })
    }
}

impl Decision {
    /// All of them, in the order of the analysis.
    pub const ALL: [Self; 6] =
        [Self::Category, Self::Priority, Self::Kind, Self::Sentiment, Self::Urgency, Self::Route];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Priority => "priority",
            Self::Kind => "kind",
            Self::Sentiment => "sentiment",
            Self::Urgency => "urgency",
            Self::Route => "route",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_names_of_decisions_are_those_of_the_wire() {
        for decision in Decision::ALL {
            assert_eq!(json!(decision), decision.name());
        }
    }

    #[test]
    fn what_was_decided_is_a_text_or_a_small_number() {
        for decided in [Decided::Level(9), Decided::Label("Cloud".to_owned())] {
            assert_eq!(serde_json::from_value::<Decided>(json!(decided)).unwrap(), decided);
        }
        assert_eq!(serde_json::from_value::<Decided>(json!(9.0)).unwrap(), Decided::Level(9));
        for other in [json!(300), json!(-1), json!(1.5), json!(null), json!(["Cloud"])] {
            let refused = serde_json::from_value::<Decided>(other).unwrap_err();
            assert_eq!(refused.to_string(), "must be a label, or a level of 1 to 10");
        }
    }
}
