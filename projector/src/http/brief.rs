//! A ticket in few words, where another one is what the answer is about.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::read_model::Ticket;

/// What one has to know of a ticket to decide whether to look at it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TicketBrief")]
#[expect(missing_docs, reason = "the members of a ticket")]
pub struct Brief {
    pub id: String,
    pub number: i64,
    pub status: String,
    pub assignee: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub summary: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl From<Ticket> for Brief {
    fn from(ticket: Ticket) -> Self {
        Self {
            id: ticket.id,
            number: ticket.number,
            status: ticket.status,
            assignee: ticket.assignee,
            category: ticket.category,
            priority: ticket.priority,
            summary: ticket.summary,
            created_at: ticket.created_at,
        }
    }
}
