//! What each command on a ticket takes. The order of the fields is the order in the fingerprint.

use schemars::JsonSchema;
use schemas::work::{Decided, Decision, whole};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use ticket::{
    Order,
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
    /// What the wrong fields must be.
    fn parse(&self) -> Result<Order, Vec<Violation>>;
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
pub struct Correct {
    field: Decision,
    to: Decided,
    #[schemars(schema_with = "text::words")]
    reason: String,
}

impl OrderBody for Comment {
    const NAME: &'static str = "comments";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        Ok(Order::Comment(Text::parse("text", &self.text).map_err(one)?))
    }
}

impl OrderBody for Assign {
    const NAME: &'static str = "assign";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        Ok(Order::Assign(Assignee::parse("assignee", &self.assignee).map_err(one)?))
    }
}

impl OrderBody for Resolve {
    const NAME: &'static str = "resolve";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        Ok(Order::Resolve(Text::parse("resolution", &self.resolution).map_err(one)?))
    }
}

impl OrderBody for Reopen {
    const NAME: &'static str = "reopen";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        Ok(Order::Reopen(Text::parse("reason", &self.reason).map_err(one)?))
    }
}

impl OrderBody for Close {
    const NAME: &'static str = "close";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        Ok(Order::Close)
    }
}

impl OrderBody for Confirm {
    const NAME: &'static str = "confirm";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        match (Score::parse("score", self.score), self.signature.as_deref().map(hash).transpose()) {
            (Ok(score), Ok(signature)) => Ok(Order::Confirm { score, signature }),
            (score, signature) => Err(score.err().into_iter().chain(signature.err()).collect()),
        }
    }
}

impl OrderBody for Correct {
    const NAME: &'static str = "corrections";

    fn parse(&self) -> Result<Order, Vec<Violation>> {
        let reason = Text::parse("reason", &self.reason).map_err(one)?;
        Ok(Order::Correct { field: self.field, to: self.to.clone(), reason })
    }
}

fn hash(signature: &str) -> Result<String, Violation> {
    if signature.is_empty() {
        return Err(Violation { field: "signature", problem: "must not be empty: leave it out".to_owned() });
    }
    Ok(hex::encode(Sha256::digest(signature)))
}

fn one(violation: Violation) -> Vec<Violation> {
    vec![violation]
}
