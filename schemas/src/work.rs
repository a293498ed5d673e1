//! The facts that people make: what they do with a ticket, and what they correct in its analysis.
//!
//! What they write is personal data of the requester, whoever writes it: it is sealed under the requester's key, so that
//! erasing the requester erases the whole conversation.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    analysis::{AnalysisOf, Entity},
    id::EventId,
    personal::Sealed,
};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisCorrected {
    /// What of the analysis, and what holds now.
    #[serde(flatten)]
    pub change: Change,
    /// Why, 1 to 2000 characters.
    pub reason: Sealed<String>,
    /// Who says so, as in the actor of an envelope.
    pub by: String,
    /// The event of the analysis that is corrected.
    pub analysis_id: EventId,
}

/// What a correction changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Change {
    /// What was decided.
    Decision {
        /// Which decision of the analysis.
        field: Decision,
        /// What held before, by the analyzer or by an earlier correction.
        from: Decided,
        /// What holds now.
        to: Decided,
    },
    /// What was read off the text.
    Reading(Reading),
}

/// What is read off the text, and quotes it: personal data. What held before is in the event that said it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "field", content = "to", rename_all = "lowercase")]
pub enum Reading {
    /// One sentence of at most 140 characters.
    Summary(Sealed<String>),
    /// What the text names.
    Entities(Sealed<Vec<Entity>>),
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
    Emotion,
    Urgency,
    Route,
    Language,
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
    whole_to(u8::MAX.into(), deserializer).map(|number| number as u8)
}

/// As [`whole`], for larger ones.
///
/// # Errors
/// When it has a fraction, or is none of 0 to `most`.
pub fn whole_to<'de, D: Deserializer<'de>>(most: u32, deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number) {
        Ok(number as u32)
    } else {
        Err(D::Error::custom(format!("must be a whole number of 0 to {most}")))
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
            Decision::Emotion => self.sentiment.emotion.name().to_owned(),
            Decision::Route => self.route.label.clone(),
            Decision::Language => self.language.clone(),
        })
    }
}

impl Decision {
    /// All of them, in the order of the analysis.
    pub const ALL: [Self; 8] = [
        Self::Category,
        Self::Priority,
        Self::Kind,
        Self::Sentiment,
        Self::Emotion,
        Self::Urgency,
        Self::Route,
        Self::Language,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Priority => "priority",
            Self::Kind => "kind",
            Self::Sentiment => "sentiment",
            Self::Emotion => "emotion",
            Self::Urgency => "urgency",
            Self::Route => "route",
            Self::Language => "language",
        }
    }
}

impl Reading {
    /// Where the value stands in the event: what it is sealed as.
    pub const MEMBER: &'static str = "to";

    /// The names on the wire of all of them.
    pub const NAMES: [&'static str; 2] = ["summary", "entities"];

    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Summary(_) => "summary",
            Self::Entities(_) => "entities",
        }
    }
}

impl AnalysisCorrected {
    /// The decision that was corrected, with what holds now; none where a reading was.
    #[must_use]
    pub const fn decision(&self) -> Option<(Decision, &Decided)> {
        match &self.change {
            Change::Decision { field, to, .. } => Some((*field, to)),
            Change::Reading(_) => None,
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
    fn clear_text_never_passes_for_a_corrected_reading() {
        let sealed = "x1.00112233445566778899aabbccddeeff.QQ";
        let event = |field, member: &str, value| {
            let mut event = json!({ "field": field, "reason": sealed, "by": "anonymous", "analysisId": uuid::Uuid::nil() });
            event[member] = value;
            serde_json::from_value::<AnalysisCorrected>(event)
        };
        for name in Reading::NAMES {
            let corrected = event(name, Reading::MEMBER, json!(sealed)).unwrap();
            assert_eq!((corrected.decision(), &json!(corrected)["field"]), (None, &json!(name)));
            assert!(matches!(corrected.change, Change::Reading(reading) if reading.name() == name));
            for clear in [json!("Ada's VPN drops."), json!([{ "text": "Ada" }]), json!([])] {
                assert!(event(name, Reading::MEMBER, clear.clone()).is_err(), "{clear}");
                assert!(event(name, "to", clear.clone()).is_err(), "{clear}");
            }
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
