//! Whether events that came another way are the log's.

use schemas::Envelope;
use sha2::{Digest as _, Sha256};

use crate::{EventStore, error::StoreError};

impl EventStore {
    /// Whether the log holds every one of these events at its position, exactly as it stands here. One question for all,
    /// and the events themselves do not travel: the database compares hashes of what makes them large.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub async fn holds(&self, events: &[Envelope]) -> Result<bool, StoreError> {
        let positions: Vec<_> = events.iter().map(|event| event.position.0).collect();
        let streams: Vec<_> = events.iter().map(|event| event.subject.to_string()).collect();
        let versions: Vec<_> = events.iter().map(|event| event.version.0).collect();
        let ids: Vec<_> = events.iter().map(|event| event.id.as_uuid()).collect();
        let types: Vec<_> = events.iter().map(|event| event.type_name.as_str()).collect();
        let times: Vec<_> = events.iter().map(|event| event.time).collect();
        let data: Vec<_> = events.iter().map(|event| Sha256::digest(event.data.get()).to_vec()).collect();
        let metadata: Result<Vec<_>, _> =
            events.iter().map(|event| serde_json::to_string(&event.metadata)).collect();
        // What cannot be written as the log writes it was not read from there.
        let Ok(metadata) = metadata else { return Ok(false) };
        let held = sqlx::query_scalar!(
            r#"select count(*) as "held!"
               from unnest($1::bigint[], $2::text[], $3::integer[], $4::uuid[], $5::text[], $6::timestamptz[],
                           $7::text[], $8::bytea[])
                    b(position, stream_id, version, event_id, type, recorded_at, metadata, data)
               join log.events e using (position, stream_id, version, event_id, type, recorded_at, metadata)
               where sha256(convert_to(e.data, 'UTF8')) = b.data"#,
            &positions,
            &streams,
            &versions,
            &ids,
            &types as &[&str],
            &times,
            &metadata,
            &data,
        )
        .fetch_one(self.pool())
        .await?;
        Ok(usize::try_from(held).is_ok_and(|held| held == events.len()))
    }
}
