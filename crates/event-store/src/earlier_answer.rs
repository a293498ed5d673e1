//! What a client was answered before under an idempotency key.

use schemas::{Position, TicketId, Version};

use crate::{
    EventStore,
    append::{Appended, Idempotency},
    error::AppendError,
};

/// A row as the database returns it.
struct Row {
    body_hash: Vec<u8>,
    stream_id: String,
    position: i64,
    version: i32,
    created_at: chrono::DateTime<chrono::Utc>,
}

impl EventStore {
    /// The answer to an earlier request with this key and body, if there was one.
    ///
    /// # Errors
    /// [`AppendError::KeyReused`] where the key belongs to another body; else as [`AppendError`].
    pub async fn earlier_answer(&self, idempotency: &Idempotency) -> Result<Option<Appended>, AppendError> {
        let found = sqlx::query_as!(
            Row,
            "select body_hash, stream_id, position, version, created_at from log.idempotency_keys where key = $1",
            idempotency.key,
        )
        .fetch_optional(self.pool())
        .await?;
        found.map(|row| row.answer(idempotency)).transpose()
    }

    /// Remembers that a request changed nothing, and where the ticket was; the answer to another one with this key and body,
    /// where that was faster.
    ///
    /// # Errors
    /// As [`Self::earlier_answer`].
    pub(crate) async fn remember_answer(
        &self,
        idempotency: &Idempotency,
        ticket: TicketId,
        version: Version,
        position: Position,
    ) -> Result<Option<Appended>, AppendError> {
        let counts = sqlx::query_as!(
            Row,
            r#"select body_hash as "body_hash!", stream_id as "stream_id!", position as "position!",
                      version as "version!", created_at as "created_at!"
               from log.remember_answer($1, $2, $3, $4, $5)"#,
            idempotency.key,
            idempotency.body_hash.as_slice(),
            ticket.to_string(),
            position.0,
            version.0,
        )
        .fetch_one(self.pool())
        .await?;
        let is_ours = (counts.version, counts.position) == (version.0, position.0);
        Ok(Some(counts.answer(idempotency)?).filter(|_| !is_ours))
    }
}

impl Row {
    fn answer(self, idempotency: &Idempotency) -> Result<Appended, AppendError> {
        if self.body_hash != idempotency.body_hash {
            return Err(AppendError::KeyReused);
        }
        let no_ticket = |_| sqlx::Error::Protocol("no ticket under a key".into());
        Ok(Appended {
            ticket: self.stream_id.parse().map_err(no_ticket)?,
            position: Position(self.position),
            version: Version(self.version),
            time: self.created_at,
            replayed: true,
        })
    }
}
