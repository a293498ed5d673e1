//! Events a stage has passed without finishing them. They wait here for a retry, or are parked until an operator
//! decides; nothing is ever dropped. Rows are references: the event itself stays in the log.

use std::{collections::HashSet, time::Duration};

use event_store::StoreError;
use schemas::{Envelope, Position, TicketId};
use sqlx::{PgConnection, PgPool, postgres::types::PgInterval};

/// An attempt at an event that waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Attempts so far, this one included.
    pub attempts: i32,
    /// Those right before this one that never came to an end.
    pub unended: i32,
}

/// Notes an event for a retry after `delay`, or parks it where that is `None`.
///
/// # Errors
/// As [`StoreError`].
pub async fn note(
    connection: &mut PgConnection,
    stage: &str,
    event: &Envelope,
    attempts: i32,
    delay: Option<Duration>,
    reason: &str,
) -> Result<(), StoreError> {
    let delay = delay.map(|delay| PgInterval { months: 0, days: 0, microseconds: delay.as_micros() as i64 });
    sqlx::query!(
        "insert into subscription.exceptions (name, position, stream_id, attempts, due_at, reason)
         values ($1, $2, $3, $4, clock_timestamp() + $5, $6)
         on conflict (name, position) do update
         set attempts = excluded.attempts, unended = 0, due_at = excluded.due_at, reason = excluded.reason,
             updated_at = clock_timestamp()",
        stage,
        event.position.0,
        event.subject.to_string(),
        attempts,
        delay,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Up to `limit` events whose retry is due, the first due first. `ordered` leaves out those that have an earlier one of
/// their ticket before them.
///
/// # Errors
/// As [`StoreError`].
pub async fn due(pool: &PgPool, stage: &str, limit: i64, ordered: bool) -> Result<Vec<Position>, StoreError> {
    let due = sqlx::query_scalar!(
        "select d.position from subscription.exceptions d
         where d.name = $1 and d.due_at <= clock_timestamp()
           and not ($3 and exists (
               select from subscription.exceptions earlier
               where earlier.name = d.name and earlier.stream_id = d.stream_id
                 and earlier.position < d.position))
         order by d.due_at limit $2",
        stage,
        limit,
        ordered,
    )
    .fetch_all(pool)
    .await?;
    Ok(due.into_iter().map(Position).collect())
}

/// Takes an event whose retry is due, if it still is: counts the attempt and keeps others off for `lease` before it is made,
/// so that a crash counts too. Only for what is tried at once: a crash counts against everything that was taken.
///
/// # Errors
/// As [`StoreError`].
pub async fn take(
    pool: &PgPool,
    stage: &str,
    position: Position,
    lease: Duration,
) -> Result<Option<Taken>, StoreError> {
    let lease = PgInterval { months: 0, days: 0, microseconds: lease.as_micros() as i64 };
    let taken = sqlx::query_as!(
        Taken,
        r#"update subscription.exceptions
           set attempts = attempts + 1, unended = unended + 1, due_at = clock_timestamp() + $3,
               updated_at = clock_timestamp()
           where name = $1 and position = $2 and due_at <= clock_timestamp()
           returning attempts, unended - 1 as "unended!""#,
        stage,
        position.0,
        lease,
    )
    .fetch_optional(pool)
    .await?;
    Ok(taken)
}

/// Those of the tickets of `events` that have an event waiting or parked.
///
/// # Errors
/// As [`StoreError`].
pub async fn unfinished_tickets(
    pool: &PgPool,
    stage: &str,
    events: &[Envelope],
) -> Result<HashSet<TicketId>, StoreError> {
    let tickets: Vec<_> = events.iter().map(|event| event.subject.to_string()).collect();
    let unfinished = sqlx::query_scalar!(
        "select distinct stream_id from subscription.exceptions where name = $1 and stream_id = any($2)",
        stage,
        &tickets,
    )
    .fetch_all(pool)
    .await?;
    Ok(unfinished.iter().filter_map(|ticket| ticket.parse().ok()).collect())
}

/// The event is finished after all.
///
/// # Errors
/// As [`StoreError`].
pub async fn settle(pool: &PgPool, stage: &str, position: Position) -> Result<(), StoreError> {
    sqlx::query!("delete from subscription.exceptions where name = $1 and position = $2", stage, position.0)
        .execute(pool)
        .await?;
    Ok(())
}
