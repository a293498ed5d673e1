//! What happened to a ticket.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use super::{QueryError, ticket::TicketKey, timed};
use crate::projection::SealedMembers;

/// An event of a ticket, without personal data.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TimelineEntry")]
pub struct Entry {
    /// Its id.
    pub event_id: Uuid,
    /// Its storage name.
    pub r#type: String,
    /// Its place in the ticket's stream.
    pub version: i32,
    /// Its place in the log.
    pub position: i64,
    /// When the log recorded it.
    pub recorded_at: DateTime<Utc>,
    /// When the read model first showed it.
    pub projected_at: DateTime<Utc>,
    /// Who acted.
    pub actor: String,
    /// W3C trace context of the work that made it.
    pub traceparent: Option<String>,
    /// Its data without personal members; null for a type this build does not know.
    pub details: Option<Value>,
    /// Its personal members, for whoever has the keys.
    #[serde(skip)]
    pub(crate) sealed: Option<Json<SealedMembers>>,
}

/// Every event of the ticket in order, if there is such a ticket.
///
/// # Errors
/// As [`QueryError`].
pub async fn timeline(pool: &PgPool, key: TicketKey) -> Result<Option<Vec<Entry>>, QueryError> {
    let (id, number) = key.columns();
    let query = sqlx::query_as!(
        Entry,
        r#"select event_id, type, version, position, recorded_at, projected_at, actor, traceparent, details,
                  sealed as "sealed: _"
           from projector.timeline
           where ticket_id = coalesce($1, (select id from projector.tickets where number = $2))
           order by version"#,
        id,
        number,
    );
    let entries = timed("select", "timeline", query.fetch_all(pool)).await?;
    Ok((!entries.is_empty()).then_some(entries))
}
