//! What happened, with personal data sealed: every event gets an entry, known or not.

use chrono::{DateTime, Utc};
use schemas::{Envelope, TicketEvent};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    column,
    disclosure::{SealedMembers, impersonal, sealed},
};
use crate::queries::timed;

/// A row of `projector.timeline`, its fields named as the columns.
#[derive(Debug)]
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
    let sealed = entries.iter().map(|entry| entry.sealed.as_ref().map(serde_json::to_string).transpose());
    let query = sqlx::query!(
        "insert into projector.timeline
             (ticket_id, version, position, event_id, type, recorded_at, actor, traceparent, details, sealed)
         select ticket_id, version, position, event_id, type, recorded_at, actor, traceparent, details::json, sealed::json
         from unnest($1::text[], $2::integer[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[],
                     $8::text[], $9::text[], $10::text[])
              new (ticket_id, version, position, event_id, type, recorded_at, actor, traceparent, details, sealed)
         on conflict do nothing",
        column(entries, |entry| entry.ticket_id.as_str()) as _,
        &column(entries, |entry| entry.version),
        &column(entries, |entry| entry.position),
        &column(entries, |entry| entry.event_id),
        column(entries, |entry| entry.r#type.as_str()) as _,
        &column(entries, |entry| entry.recorded_at),
        column(entries, |entry| entry.actor.as_str()) as _,
        column(entries, |entry| entry.traceparent.as_deref()) as _,
        column(entries, |entry| entry.details.as_ref().map(|details| details.get())) as _,
        sealed.collect::<Result<Vec<_>, _>>()? as _,
    );
    timed("insert", "timeline", query.execute(connection)).await?;
    Ok(())
}
