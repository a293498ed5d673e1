//! What happened, with personal data sealed: every event gets an entry, known or not.

use chrono::{DateTime, Utc};
use schemas::{Envelope, TicketEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::disclosure::{SealedMembers, impersonal, sealed};
use crate::queries::timed;

/// A row of `projector.timeline`, its fields named as the columns.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) ticket_id: String,
    pub(crate) version: i32,
    pub(crate) position: i64,
    pub(crate) event_id: Uuid,
    pub(crate) r#type: String,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) actor: String,
    pub(crate) traceparent: Option<String>,
    /// Text, not a parsed value: parsing would turn 0.93 into 0.9300000071525574.
    pub(crate) details: Option<Box<RawValue>>,
    pub(crate) sealed: Option<Json<SealedMembers>>,
}

impl Entry {
    pub(crate) fn new(event: &Envelope, fact: Option<&TicketEvent>) -> serde_json::Result<Self> {
        Ok(Self {
            ticket_id: event.subject.to_string(),
            version: event.version.0,
            position: event.position.0,
            event_id: event.id.as_uuid(),
            r#type: event.type_name.clone(),
            recorded_at: event.time,
            actor: event.metadata.actor.clone(),
            traceparent: event.metadata.traceparent.clone(),
            details: fact.map(impersonal).transpose()?,
            sealed: fact.and_then(sealed),
        })
    }
}

/// Adds the entries that are not there yet; those that are keep the time they were first projected.
pub(super) async fn add(connection: &mut PgConnection, entries: &[Entry]) -> anyhow::Result<()> {
    let query = sqlx::query!(
        "insert into projector.timeline
             (ticket_id, version, position, event_id, type, recorded_at, actor, traceparent, details, sealed)
         select ticket_id, version, position, event_id, type, recorded_at, actor, traceparent, details, sealed
         from jsonb_populate_recordset(null::projector.timeline, $1)
         on conflict do nothing",
        Json(entries) as _,
    );
    timed("insert", "timeline", query.execute(connection)).await?;
    Ok(())
}
