//! Who handed in a ticket, and what else they handed in.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::read_model::{Ticket, select_tickets};

/// A requester's figures.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requester {
    /// Keyed hash of the e-mail address.
    pub requester_id: String,
    /// All their tickets.
    pub tickets: i64,
    /// That are open.
    pub open_tickets: i64,
    /// Whose sentiment is negative.
    pub negative_tickets: i64,
    /// That were reopened at least once.
    pub reopened_tickets: i64,
    /// When they handed in the first one.
    pub first_ticket_at: DateTime<Utc>,
    /// When they handed in the last one.
    pub last_ticket_at: DateTime<Utc>,
}

/// The requester's figures.
///
/// # Errors
/// As [`QueryError`].
pub async fn requester(pool: &PgPool, requester_id: &str) -> Result<Option<Requester>, QueryError> {
    let query = sqlx::query_as!(
        Requester,
        "select requester_id, tickets, open_tickets, negative_tickets, reopened_tickets, first_ticket_at, last_ticket_at
         from projector.requesters where requester_id = $1",
        requester_id,
    );
    timed("select", "requesters", query.fetch_optional(pool)).await
}

/// Up to `limit` of the requester's tickets, newest first.
///
/// # Errors
/// As [`QueryError`].
pub async fn tickets(pool: &PgPool, requester_id: &str, limit: i64) -> Result<Vec<Ticket>, QueryError> {
    let query = select_tickets!("where requester_id = $1 order by number desc limit $2", requester_id, limit);
    timed("select", "tickets", query.fetch_all(pool)).await
}
