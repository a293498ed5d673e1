//! What a client was answered before under an idempotency key.

use schemas::{Position, Version};

use crate::{
    EventStore,
    append::{Appended, Idempotency},
    error::AppendError,
};

impl EventStore {
    /// The answer to an earlier request with this key and body, if there was one that appended something.
    ///
    /// # Errors
    /// [`AppendError::KeyReused`] where the key belongs to another body; else as [`AppendError`].
    pub async fn earlier_answer(&self, idempotency: &Idempotency) -> Result<Option<Appended>, AppendError> {
        let found = sqlx::query!(
            "select body_hash, stream_id, position, version, created_at from log.idempotency_keys where key = $1",
            idempotency.key,
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = found else { return Ok(None) };
        if row.body_hash != idempotency.body_hash {
            return Err(AppendError::KeyReused);
        }
        Ok(Some(Appended {
            ticket: row
                .stream_id
                .parse()
                .map_err(|_| sqlx::Error::Protocol("no ticket under a key".into()))?,
            position: Position(row.position),
            version: Version(row.version),
            time: row.created_at,
            replayed: true,
        }))
    }
}
