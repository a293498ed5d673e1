//! What each command on a ticket takes. The order of the fields is the order in the fingerprint.

use schemars::JsonSchema;
use schemas::{
    analysis::Entity,
    work::{whole, whole_to},
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ticket::{
    Amendment, Order, Rejection,
    amendment::Claim,
    order::{Assignee, Score, Text},
    submission::Violation,
};

use super::text;

/// The body of a command.
pub trait OrderBody: DeserializeOwned + Serialize + Send + 'static {
    /// Name of the command: the last segment of its path.
    const NAME: &'static str;

    /// What is asked for.
    ///
    /// # Errors
    /// What the wrong fields must be, or the rule that they break together.
    fn parse(&self) -> Result<Order, Refusal>;
}

/// Why a body asks for nothing that could be done.
#[derive(Debug)]
pub enum Refusal {
    /// What these fields must be.
    Fields(Vec<Violation>),
    /// What the domain says to it.
    Rule(Rejection),
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Fields(vec![violation])
    }
}

/// `{"text": "…"}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    #[schemars(schema_with = "text::words")]
    text: String,
}

/// `{"assignee": "…"}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    #[schemars(schema_with = "text::assignee")]
    assignee: String,
}

/// `{"resolution": "…"}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    #[schemars(schema_with = "text::words")]
    resolution: String,
}

/// `{"reason": "…"}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    #[schemars(schema_with = "text::words")]
    reason: String,
}

/// `{}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {}

/// `{"score": 1–5, "signature"?: "…"}`. The signature is whatever the client can show again later, such as a drawing in
/// base64; only its hash is kept.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    #[serde(deserialize_with = "whole")]
    #[schemars(range(min = 1, max = 5))]
    score: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::signature")]
    signature: Option<String>,
}

/// `{"field": "category", "to": "Cloud", "reason": "…"}`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = corrections()))]
pub struct Correct {
    #[schemars(schema_with = "text::correctable")]
    field: String,
    to: To,
    #[schemars(schema_with = "text::words")]
    reason: String,
}

fn corrections() -> Value {
    json!([
        { "field": "category", "to": "Cloud", "reason": "The VPN is a rented one." },
        { "field": "urgency", "to": 9, "reason": "The shop is closed." },
        { "field": "language", "to": "de", "reason": "The quoted error is English, the rest is not." },
        { "field": "summary", "to": "The office's VPN drops every ten minutes.", "reason": "It began with a greeting." },
        {
            "field": "entities", "to": [{ "text": "809", "label": "ERROR_CODE", "start": 73, "end": 76 }],
            "reason": "The code was missed.",
        },
    ])
}

/// What is right: the label of a decision, the code of a language or a summary; the level of an urgency; or entities.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "to must be a text, a level of 1 to 10, or a list of {\"text\", \"label\", \"start\", \"end\"}"
)]
#[schemars(inline)]
enum To {
    Level(
        #[serde(deserialize_with = "whole")]
        #[schemars(range(min = 1, max = 10))]
        u8,
    ),
    Text(#[schemars(length(min = 1, max = 140))] String),
    Entities(#[schemars(length(max = 100))] Vec<Named>),
}

/// Something that the ticket's text names, and where: in characters from its beginning.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Named {
    #[schemars(length(min = 1, max = 200))]
    text: String,
    #[schemars(schema_with = "text::entity_label")]
    label: String,
    #[serde(deserialize_with = "place")]
    #[schemars(range(max = MOST_CHARS))]
    start: u32,
    #[serde(deserialize_with = "place")]
    #[schemars(range(min = 1, max = MOST_CHARS))]
    end: u32,
}

/// No text is that long: a description has 2000 characters, and what is said in a recording comes below it.
const MOST_CHARS: u32 = 1_000_000;

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole_to(MOST_CHARS, deserializer)
}

impl From<To> for Claim {
    fn from(to: To) -> Self {
        match to {
            To::Level(level) => Self::Level(level),
            To::Text(text) => Self::Text(text),
            To::Entities(named) => Self::Entities(named.into_iter().map(Entity::from).collect()),
        }
    }
}

impl From<Named> for Entity {
    /// A person is sure.
    fn from(Named { text, label, start, end }: Named) -> Self {
        Self { text, label, start: start as usize, end: end as usize, confidence: 1.0 }
    }
}

impl OrderBody for Comment {
    const NAME: &'static str = "comments";

    fn parse(&self) -> Result<Order, Refusal> {
        Ok(Order::Comment(Text::parse("text", &self.text)?))
    }
}

impl OrderBody for Assign {
    const NAME: &'static str = "assign";

    fn parse(&self) -> Result<Order, Refusal> {
        Ok(Order::Assign(Assignee::parse("assignee", &self.assignee)?))
    }
}

impl OrderBody for Resolve {
    const NAME: &'static str = "resolve";

    fn parse(&self) -> Result<Order, Refusal> {
        Ok(Order::Resolve(Text::parse("resolution", &self.resolution)?))
    }
}

impl OrderBody for Reopen {
    const NAME: &'static str = "reopen";

    fn parse(&self) -> Result<Order, Refusal> {
        Ok(Order::Reopen(Text::parse("reason", &self.reason)?))
    }
}

impl OrderBody for Close {
    const NAME: &'static str = "close";

    fn parse(&self) -> Result<Order, Refusal> {
        Ok(Order::Close)
    }
}

impl OrderBody for Confirm {
    const NAME: &'static str = "confirm";

    fn parse(&self) -> Result<Order, Refusal> {
        match (Score::parse("score", self.score), self.signature.as_deref().map(hash).transpose()) {
            (Ok(score), Ok(signature)) => Ok(Order::Confirm { score, signature }),
            (score, signature) => {
                Err(Refusal::Fields(score.err().into_iter().chain(signature.err()).collect()))
            }
        }
    }
}

impl OrderBody for Correct {
    const NAME: &'static str = "corrections";

    fn parse(&self) -> Result<Order, Refusal> {
        let reason = Text::parse("reason", &self.reason)?;
        let to = Amendment::parse(&self.field, self.to.clone().into()).map_err(Refusal::Rule)?;
        Ok(Order::Correct { to, reason })
    }
}

fn hash(signature: &str) -> Result<String, Violation> {
    if signature.is_empty() {
        return Err(Violation { field: "signature", problem: "must not be empty: leave it out".to_owned() });
    }
    Ok(hex::encode(Sha256::digest(signature)))
}
