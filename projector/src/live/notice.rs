//! What listeners are told about one event: what everybody may read of it, and where its ticket stands. No personal data:
//! who wants the text asks for the ticket.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use schemas::Position;
use serde::Serialize;
use serde_json::Value;

/// An event, and its ticket as the read model shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its place in the log, by which a stream is resumed.
    pub position: Position,
    /// The short name of the event, as it stands in bus subjects: `submitted`, `analyzed` …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The ticket.
    pub ticket_id: String,
    /// Its place in the ticket's stream.
    pub version: i32,
    /// When the log recorded it.
    pub at: DateTime<Utc>,
    /// Who acted.
    pub actor: String,
    /// The event without its personal data; null for a type this build does not know.
    pub details: Option<Value>,
    /// The ticket as it is now; null while it is not known.
    pub ticket: Option<Standing>,
    /// Of an assignment that took the ticket from somebody: who had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
}

impl Notice {
    /// Whether it concerns this agent or team: who takes care of the ticket, or did until this event.
    #[must_use]
    pub fn concerns(&self, assignee: &str) -> bool {
        let now = self.ticket.as_ref().and_then(|ticket| ticket.assignee.as_deref());
        now == Some(assignee) || self.taken_from.as_deref() == Some(assignee)
    }
}

/// Where a ticket stands.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of a ticket")]
pub struct Standing {
    pub number: i64,
    pub status: String,
    pub request_type: String,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub sentiment: Option<String>,
    pub route: Option<String>,
    pub urgency: Option<i16>,
    pub assignee: Option<String>,
    pub needs_review: bool,
}
