//! The work list, `crm.delivery`: every statement that moves a ticket to a state in which it is not settled. What settles
//! one is in [`crate::outcome`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::{EventId, Position, TicketId};
use sqlx::{PgPool, postgres::types::PgInterval};

use crate::zoho::request::{MAX_CRITERIA, MAX_RECORDS};

/// A ticket on the work list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Which one.
    pub ticket: TicketId,
    /// The event that made it due.
    pub cause: EventId,
    /// The place of that event.
    pub position: Position,
    /// Requests that carried it so far.
    pub attempts: i32,
    /// The batch of the latest one.
    pub batch: Option<String>,
    /// When it fell due.
    pub due_at: DateTime<Utc>,
}

/// A row as the database returns it.
struct Row {
    ticket_id: String,
    event_id: uuid::Uuid,
    position: i64,
    attempts: i32,
    batch: Option<String>,
    due_at: DateTime<Utc>,
}

impl Row {
    fn dress(self) -> sqlx::Result<Owed> {
        Ok(Owed {
            ticket: self.ticket_id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            cause: EventId::new(self.event_id),
            position: Position(self.position),
            attempts: self.attempts,
            batch: self.batch,
            due_at: self.due_at,
        })
    }
}

/// What the database takes the time to be. All processes of the sink go by this one clock.
pub async fn clock(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(pool).await
}

/// Whoever sent these is gone, and the answers with them: only a look-up tells. Returns how many.
pub async fn recover(pool: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query!("update crm.delivery set state = 'ambiguous' where state = 'sending'");
    Ok(done.execute(pool).await?.rows_affected())
}

/// The longest waiting of the pending tickets that are due, at most a batch.
pub async fn pending(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<Owed>> {
    let rows = sqlx::query_as!(
        Row,
        "select ticket_id, event_id, position, attempts, batch, due_at from crm.delivery
         where state = 'pending' and due_at <= $1 order by due_at, position limit $2",
        now,
        MAX_RECORDS as i64,
    );
    rows.fetch_all(pool).await?.into_iter().map(Row::dress).collect()
}

/// Marks tickets as being sent in `batch`, an attempt each, not to be looked up before `look_up_at`. Once this has
/// committed, the request may leave. Returns those that were still pending.
pub async fn claim(
    pool: &PgPool,
    tickets: &[TicketId],
    batch: &str,
    now: DateTime<Utc>,
    look_up_at: DateTime<Utc>,
) -> sqlx::Result<Vec<TicketId>> {
    let claimed = sqlx::query_scalar!(
        "update crm.delivery
         set state = 'sending', batch = $2, attempts = attempts + 1, sent_at = $3, due_at = $4, how = null
         where ticket_id = any($1) and state = 'pending' returning ticket_id",
        &texts(tickets),
        batch,
        now,
        look_up_at,
    )
    .fetch_all(pool)
    .await?;
    let parse = |text: String| text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)));
    claimed.into_iter().map(parse).collect()
}

/// The request did nothing, for a reason that is not the tickets': as if it had never been made, but not again before
/// `due_at`.
pub async fn release(
    pool: &PgPool,
    tickets: &[TicketId],
    batch: &str,
    due_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update crm.delivery set state = 'pending', attempts = attempts - 1, due_at = $3
         where ticket_id = any($1) and batch = $2 and state = 'sending'",
        &texts(tickets),
        batch,
        due_at,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The answer says nothing about these tickets. When to look them up was set when they were claimed.
pub async fn doubt(pool: &PgPool, tickets: &[TicketId], batch: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update crm.delivery set state = 'ambiguous'
         where ticket_id = any($1) and batch = $2 and state = 'sending'",
        &texts(tickets),
        batch,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The CRM holds records of these tickets already. That is certain, so they can be looked up at once.
pub async fn mark_duplicates(
    pool: &PgPool,
    tickets: &[TicketId],
    batch: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update crm.delivery set state = 'ambiguous', how = 'duplicate', due_at = $3
         where ticket_id = any($1) and batch = $2 and state = 'sending'",
        &texts(tickets),
        batch,
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Looked for and not there: to be sent again under the same id, each at its own time.
pub async fn send_again(pool: &PgPool, again: &[(Owed, DateTime<Utc>)]) -> sqlx::Result<()> {
    let tickets: Vec<_> = again.iter().map(|(owed, _)| owed.ticket.to_string()).collect();
    let batches: Vec<_> = again.iter().map(|(owed, _)| owed.batch.clone().unwrap_or_default()).collect();
    let times: Vec<_> = again.iter().map(|(_, at)| *at).collect();
    sqlx::query!(
        "update crm.delivery d set state = 'pending', due_at = a.due_at, how = null
         from unnest($1::text[], $2::text[], $3::timestamptz[]) a(ticket_id, batch, due_at)
         where d.ticket_id = a.ticket_id and d.batch = a.batch and d.state = 'ambiguous'",
        &tickets,
        &batches,
        &times,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// What to look up, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// The tickets of one batch, by the batch.
    Batch(String, Vec<Owed>),
    /// Tickets of any batch, each by its own id.
    Tickets(Vec<Owed>),
}

/// The look-up that is due first.
pub async fn look_up(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Option<LookUp>> {
    let first = sqlx::query!(
        r#"select batch as "batch!", how is not null as "by_ticket!" from crm.delivery
           where state = 'ambiguous' and due_at <= $1 order by due_at, position limit 1"#,
        now,
    );
    match first.fetch_optional(pool).await? {
        Some(first) if first.by_ticket => Ok(Some(LookUp::Tickets(duplicates(pool, now).await?))),
        Some(first) => {
            let owed = doubtful(pool, &first.batch, now).await?;
            Ok(Some(LookUp::Batch(first.batch, owed)))
        }
        None => Ok(None),
    }
}

async fn doubtful(pool: &PgPool, batch: &str, now: DateTime<Utc>) -> sqlx::Result<Vec<Owed>> {
    let rows = sqlx::query_as!(
        Row,
        "select ticket_id, event_id, position, attempts, batch, due_at from crm.delivery
         where state = 'ambiguous' and batch = $1 and how is null and due_at <= $2",
        batch,
        now,
    );
    rows.fetch_all(pool).await?.into_iter().map(Row::dress).collect()
}

async fn duplicates(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<Owed>> {
    let rows = sqlx::query_as!(
        Row,
        "select ticket_id, event_id, position, attempts, batch, due_at from crm.delivery
         where state = 'ambiguous' and how is not null and due_at <= $1 order by due_at, position limit $2",
        now,
        MAX_CRITERIA as i64,
    );
    rows.fetch_all(pool).await?.into_iter().map(Row::dress).collect()
}

/// When something falls due next; pending tickets may wait for company for `linger`.
pub async fn next_due(pool: &PgPool, linger: Duration) -> sqlx::Result<Option<DateTime<Utc>>> {
    let linger = PgInterval { months: 0, days: 0, microseconds: linger.as_micros() as i64 };
    sqlx::query_scalar!(
        "select least((select min(due_at) from crm.delivery where state = 'ambiguous'),
                      (select min(due_at) + $1 from crm.delivery where state = 'pending'))",
        linger,
    )
    .fetch_one(pool)
    .await
}

fn texts(tickets: &[TicketId]) -> Vec<String> {
    tickets.iter().map(ToString::to_string).collect()
}
