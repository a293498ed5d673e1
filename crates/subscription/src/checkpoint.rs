//! The cursor of a stage, in Postgres. It moves in the transaction of the effect, and only from where its owner
//! believes it to be: a second owner, or one that was asleep, is stopped here.

use event_store::StoreError;
use schemas::Position;
use sqlx::{PgConnection, PgPool};

/// A cursor with the attempts made at what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Done up to here.
    pub position: Position,
    /// Attempts at the batch after it, crashes included.
    pub attempts: i32,
}

/// Somebody else moved the cursor: this process no longer owns the stage.
#[derive(Debug, thiserror::Error)]
#[error("another process moved the checkpoint of this stage")]
pub struct Overtaken;

/// The stage's cursor, at the start of the log on first use.
///
/// # Errors
/// As [`StoreError`].
pub async fn load(pool: &PgPool, stage: &str) -> Result<Checkpoint, StoreError> {
    let row = sqlx::query!(
        r#"insert into subscription.checkpoints (name) values ($1)
           on conflict (name) do update set name = excluded.name
           returning position, attempts"#,
        stage,
    )
    .fetch_one(pool)
    .await?;
    Ok(Checkpoint { position: Position(row.position), attempts: row.attempts })
}

/// Where the cursor is, for whoever only looks; nothing before its first use.
///
/// # Errors
/// As [`StoreError`].
pub async fn position(pool: &PgPool, stage: &str) -> Result<Option<Position>, StoreError> {
    let position =
        sqlx::query_scalar!("select position from subscription.checkpoints where name = $1", stage)
            .fetch_optional(pool)
            .await?;
    Ok(position.map(Position))
}

/// Counts an attempt at what comes after `from`, before it is made.
///
/// # Errors
/// As [`StoreError`].
pub async fn count_attempt(pool: &PgPool, stage: &str, from: Position) -> Result<i32, StoreError> {
    let attempts = sqlx::query_scalar!(
        "update subscription.checkpoints set attempts = attempts + 1, updated_at = clock_timestamp()
         where name = $1 and position = $2 returning attempts",
        stage,
        from.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(attempts.unwrap_or_default())
}

/// Moves the cursor inside the caller's transaction.
///
/// # Errors
/// [`Overtaken`] inside when the cursor is not at `from` any more: roll back.
pub async fn advance(
    connection: &mut PgConnection,
    stage: &str,
    from: Position,
    to: Position,
) -> Result<Result<(), Overtaken>, StoreError> {
    let moved = sqlx::query!(
        "update subscription.checkpoints set position = $3, attempts = 0, updated_at = clock_timestamp()
         where name = $1 and position = $2",
        stage,
        from.0,
        to.0,
    )
    .execute(connection)
    .await?;
    Ok(if moved.rows_affected() == 1 { Ok(()) } else { Err(Overtaken) })
}

/// Sets the cursor back to `to`, or to the end of the log where that is before it; nothing without such a cursor, or
/// where it is there already. What the stage has passed since is seen again, so it is no exception any more.
///
/// # Errors
/// As [`StoreError`].
pub async fn rewind(pool: &PgPool, stage: &str, to: Position) -> Result<Option<Position>, StoreError> {
    let position = sqlx::query_scalar!(
        r#"with stands as (
               update subscription.checkpoints
               set position = least($2, (select position from log.head)), attempts = 0,
                   updated_at = clock_timestamp()
               where name = $1 and position > least($2, (select position from log.head))
               returning position),
           seen_again as (
               delete from subscription.exceptions e using stands
               where e.name = $1 and e.position > stands.position)
           select position from stands"#,
        stage,
        to.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(position.map(Position))
}
