//! What an operator does with events that a stage has passed: look, try again, or decide that they stay undone. Every
//! decision about an event that is being retried right now is safe: seeing an event again must be harmless.

use chrono::{DateTime, Utc};
use event_store::StoreError;
use schemas::{Position, TicketId};
use sqlx::PgPool;

/// Which of them; the default is every parked one.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one stage.
    pub stage: Option<String>,
    /// Of one ticket.
    pub ticket: Option<TicketId>,
    /// At one position.
    pub position: Option<Position>,
    /// Whose reason contains this text.
    pub reason: Option<String>,
    /// Those that wait for a retry too.
    pub waiting: bool,
    /// At most so many, the oldest first; `None` is all.
    pub limit: Option<i64>,
}

/// An event that a stage has passed.
#[derive(Clone, Debug)]
pub struct Exception {
    /// The stage.
    pub stage: String,
    /// Which event.
    pub position: i64,
    /// Of which ticket.
    pub ticket: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried again; `None` is parked.
    pub due_at: Option<DateTime<Utc>>,
    /// Why it is not done.
    pub reason: String,
    /// Since when it stands like this.
    pub updated_at: DateTime<Utc>,
}

impl Filter {
    fn ticket(&self) -> Option<String> {
        self.ticket.map(|ticket| ticket.to_string())
    }

    fn position(&self) -> Option<i64> {
        self.position.map(|position| position.0)
    }
}

/// What `filter` finds.
///
/// # Errors
/// As [`StoreError`].
pub async fn list(pool: &PgPool, filter: &Filter) -> Result<Vec<Exception>, StoreError> {
    let found = sqlx::query_as!(
        Exception,
        r#"select name as stage, position, stream_id as ticket, attempts, due_at, reason, updated_at
           from subscription.exceptions
           where ($1::text is null or name = $1) and ($2::text is null or stream_id = $2)
             and ($3::bigint is null or position = $3) and ($4::text is null or strpos(reason, $4) > 0)
             and ($5 or due_at is null)
           order by position, name limit $6"#,
        filter.stage,
        filter.ticket(),
        filter.position(),
        filter.reason,
        filter.waiting,
        filter.limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(found)
}

/// Lets the stage try what `filter` finds at once, with all attempts before it; how many.
///
/// # Errors
/// As [`StoreError`].
pub async fn retry(pool: &PgPool, filter: &Filter) -> Result<u64, StoreError> {
    let changed = sqlx::query!(
        "update subscription.exceptions
         set due_at = clock_timestamp(), attempts = 0, unended = 0, updated_at = clock_timestamp()
         where (name, position) in (
             select name, position from subscription.exceptions
             where ($1::text is null or name = $1) and ($2::text is null or stream_id = $2)
               and ($3::bigint is null or position = $3) and ($4::text is null or strpos(reason, $4) > 0)
               and ($5 or due_at is null)
             order by position, name limit $6 for update skip locked)",
        filter.stage,
        filter.ticket(),
        filter.position(),
        filter.reason,
        filter.waiting,
        filter.limit,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected())
}

/// Leaves what `filter` finds undone for good, and keeps who decided it and why; how many.
///
/// # Errors
/// As [`StoreError`].
pub async fn discard(pool: &PgPool, filter: &Filter, by: &str, note: &str) -> Result<u64, StoreError> {
    let changed = sqlx::query!(
        "with gone as (
             delete from subscription.exceptions
             where (name, position) in (
                 select name, position from subscription.exceptions
                 where ($1::text is null or name = $1) and ($2::text is null or stream_id = $2)
                   and ($3::bigint is null or position = $3) and ($4::text is null or strpos(reason, $4) > 0)
                   and ($5 or due_at is null)
                 order by position, name limit $6 for update skip locked)
             returning name, position, stream_id, attempts, reason)
         insert into subscription.discarded (name, position, stream_id, attempts, reason, discarded_by, note)
         select name, position, stream_id, attempts, reason, $7, $8 from gone",
        filter.stage,
        filter.ticket(),
        filter.position(),
        filter.reason,
        filter.waiting,
        filter.limit,
        by,
        note,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected())
}
