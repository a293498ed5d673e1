//! `fields=id,number,status`: only these members of each ticket.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::TicketBody;

/// Every member of a ticket.
pub const KNOWN: [&str; 28] = [
    "id",
    "number",
    "name",
    "email",
    "requestType",
    "description",
    "status",
    "assignee",
    "category",
    "priority",
    "sentiment",
    "kind",
    "route",
    "urgency",
    "emotion",
    "language",
    "summary",
    "entities",
    "needsReview",
    "degraded",
    "corrected",
    "analysis",
    "crm",
    "createdAt",
    "analyzedAt",
    "updatedAt",
    "position",
    "version",
];

/// Members to answer with, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Fields(Vec<&'static str>);

/// A name that no ticket has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("fields names {0:?}, which tickets do not have; they have {known}", known = KNOWN.join(", "))]
pub struct UnknownField(String);

/// A ticket, whole or in part.
#[derive(Serialize)]
#[serde(untagged)]
pub enum TicketView {
    /// Every member.
    Whole(Box<TicketBody>),
    /// Those asked for. Their exact text: parsing would turn 0.93 into 0.9300000071525574.
    Part(BTreeMap<String, Box<RawValue>>),
}

impl TryFrom<String> for Fields {
    type Error = UnknownField;

    fn try_from(text: String) -> Result<Self, UnknownField> {
        let known = |name: &str| {
            let found = KNOWN.into_iter().find(|known| *known == name.trim());
            found.ok_or_else(|| UnknownField(name.chars().take(40).collect()))
        };
        text.split(',').map(known).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for Fields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let name = format!("({})", KNOWN.join("|"));
        schemars::json_schema!({ "type": "string", "pattern": format!("^{name}(,{name})*$") })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl JsonSchema for TicketView {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TicketView".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let whole = generator.subschema_for::<TicketBody>();
        let part = schemars::json_schema!({
            "type": "object",
            "description": "The members that `fields` named.",
            "propertyNames": { "enum": KNOWN },
        });
        schemars::json_schema!({ "anyOf": [whole, part] })
    }
}

impl TicketView {
    /// The ticket, cut down to `fields` where there are some.
    ///
    /// # Errors
    /// Never for a ticket: it is an object.
    pub fn new(ticket: TicketBody, fields: Option<&Fields>) -> serde_json::Result<Self> {
        let Some(Fields(fields)) = fields else { return Ok(Self::Whole(Box::new(ticket))) };
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(&serde_json::to_string(&ticket)?)?;
        members.retain(|name, _| fields.contains(&name.as_str()));
        Ok(Self::Part(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_commas_and_must_be_known() {
        assert_eq!(Fields::try_from("id, status".to_owned()), Ok(Fields(vec!["id", "status"])));
        for text in ["", "id,", "id,colour", "Id"] {
            assert!(Fields::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
