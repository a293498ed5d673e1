//! What only the log knows: where it ends, and tickets that the read model does not show yet.

use schemas::{Position, TicketId};
use sqlx::PgPool;

use super::{QueryError, ticket::TicketKey, timed};

/// The position of the newest event.
///
/// # Errors
/// As [`QueryError`].
pub async fn head(pool: &PgPool) -> Result<Position, QueryError> {
    let query = sqlx::query_scalar!(r#"select position as "position!" from log.head"#);
    timed("select", "head", query.fetch_one(pool)).await.map(Position)
}

/// The position of the ticket's first event, if the log has such a ticket.
///
/// # Errors
/// As [`QueryError`].
pub async fn first_event(pool: &PgPool, key: TicketKey) -> Result<Option<Position>, QueryError> {
    let (id, number) = key.columns();
    let query = sqlx::query_scalar!(
        "select position from log.events where version = 1 and (stream_id = $1 or position = $2)",
        id,
        number,
    );
    Ok(timed("select", "events", query.fetch_optional(pool)).await?.map(Position))
}

/// The ticket's id, if the log has such a ticket.
///
/// # Errors
/// As [`QueryError`].
pub async fn ticket_id(pool: &PgPool, key: TicketKey) -> Result<Option<TicketId>, QueryError> {
    let (id, number) = key.columns();
    let query = sqlx::query_scalar!(
        "select stream_id from log.events where version = 1 and (stream_id = $1 or position = $2)",
        id,
        number,
    );
    let found = timed("select", "events", query.fetch_optional(pool)).await?;
    Ok(found.and_then(|id| id.parse().ok()))
}
