//! Whole streams, for whoever makes a read model anew: it reads ticket by ticket, and several readers share the work by
//! ranges of tickets. These take a connection, not the log: whoever only reads has nothing to append with.

use schemas::{Envelope, Position, TicketId};
use sqlx::PgExecutor;

use super::Row;
use crate::error::StoreError;

/// Every event up to `through` of the tickets from `first` to `last`, ticket by ticket, each in its order.
///
/// # Errors
/// As [`StoreError`].
pub async fn streams_between(
    executor: impl PgExecutor<'_>,
    first: &str,
    last: &str,
    through: Position,
) -> Result<Vec<Envelope>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select position, stream_id, version, event_id, type, data, metadata, recorded_at
         from log.events where stream_id between $1 and $2 and position <= $3 order by stream_id, version",
        first,
        last,
        through.0,
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::dress).collect()
}

/// Every event up to `through` of these tickets, ticket by ticket, each in its order.
///
/// # Errors
/// As [`StoreError`].
pub async fn streams_of(
    executor: impl PgExecutor<'_>,
    tickets: &[TicketId],
    through: Position,
) -> Result<Vec<Envelope>, StoreError> {
    let tickets: Vec<String> = tickets.iter().map(TicketId::to_string).collect();
    let rows = sqlx::query_as!(
        Row,
        "select position, stream_id, version, event_id, type, data, metadata, recorded_at
         from log.events where stream_id = any($1) and position <= $2 order by stream_id, version",
        &tickets,
        through.0,
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::dress).collect()
}

/// The tickets of the events after `after` up to `through`.
///
/// # Errors
/// As [`StoreError`].
pub async fn touched_between(
    executor: impl PgExecutor<'_>,
    after: Position,
    through: Position,
) -> Result<Vec<TicketId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select distinct stream_id from log.events where position > $1 and position <= $2",
        after.0,
        through.0,
    )
    .fetch_all(executor)
    .await?;
    ids.iter()
        .map(|id| id.parse().map_err(|_| StoreError::Damaged { position: through, what: "stream_id" }))
        .collect()
}
