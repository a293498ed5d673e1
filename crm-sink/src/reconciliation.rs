//! Comparing what the CRM holds with what we believe it holds: page by page, a page per step of the lane, each page and
//! the place to go on from committed, so that a restart goes on where it was.
//!
//! What is missing is looked up by itself once more and then delivered anew; a ticket that was given up although its record
//! exists is settled; unknown and double records are reported, and left to people.

use chrono::{DateTime, Utc};
use schemas::TicketId;
use sqlx::PgPool;

use crate::{destination::Sighting, queue::MAX_SOUGHT};

/// Who asks for the nightly run.
pub const SCHEDULE: &str = "schedule";

/// A run that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which one.
    pub id: i64,
    /// Only records added since then; `None` for all.
    pub since: Option<DateTime<Utc>>,
    /// Where the next page begins.
    pub cursor: Option<String>,
    /// All pages were read.
    pub read: bool,
}

/// What a run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Delivered, but gone.
    pub missing: i64,
    /// Records of no ticket of ours.
    pub unknown: i64,
    /// Younger records of tickets that have one.
    pub double: i64,
    /// Tickets that were not known to be delivered.
    pub recovered: i64,
}

/// A delivered ticket whose record no page showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The ticket.
    pub ticket: TicketId,
    /// The id its record had.
    pub record_id: String,
}

/// Asks for a run; the one that is under way is taken for it. Its number.
pub async fn ask(
    pool: &PgPool,
    sink: &str,
    by: &str,
    since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    let asked = sqlx::query_scalar!(
        "insert into crm.reconciliation (sink, asked_by, asked_at, since) values ($1, $2, $3, $4)
         on conflict (sink) where finished_at is null do nothing returning id",
        sink,
        by,
        now,
        since,
    )
    .fetch_optional(pool)
    .await?;
    if let Some(id) = asked {
        return Ok(id);
    }
    sqlx::query_scalar!("select id from crm.reconciliation where sink = $1 and finished_at is null", sink)
        .fetch_one(pool)
        .await
}

/// Asks for the nightly run once it is due: after `hour` o'clock in the account's time zone, for what was added within the
/// last `days`.
pub async fn schedule(
    pool: &PgPool,
    sink: &str,
    zone: &str,
    hour: i32,
    days: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let asked = sqlx::query!(
        "insert into crm.reconciliation (sink, asked_by, asked_at, since)
         select $1, 'schedule', $5, $5 - make_interval(days => $4)
         from (select (date_trunc('day', $5 at time zone $2) + make_interval(hours => $3)) at time zone $2 as due) d
         where $5 >= d.due
           and not exists (select from crm.reconciliation r
                           where r.sink = $1 and r.asked_by = 'schedule' and r.asked_at >= d.due)
           and exists (select from crm.delivery x where x.sink = $1 and x.state = 'delivered' and x.settled_at < d.due)
         on conflict (sink) where finished_at is null do nothing",
        sink,
        zone,
        hour,
        days,
        now,
    )
    .execute(pool)
    .await?;
    Ok(asked.rows_affected() > 0)
}

/// The run that is under way.
pub async fn open(pool: &PgPool, sink: &str) -> sqlx::Result<Option<Run>> {
    sqlx::query_as!(
        Run,
        r#"select id, since, cursor, read_at is not null as "read!" from crm.reconciliation
           where sink = $1 and finished_at is null"#,
        sink,
    )
    .fetch_optional(pool)
    .await
}

/// Keeps a page. Without a place to go on from it was the last, and what follows from all of them is found.
pub async fn keep_page(
    pool: &PgPool,
    sink: &str,
    run: &Run,
    page: &[Sighting],
    next: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let records: Vec<_> = page.iter().map(|sighting| sighting.record_id.clone()).collect();
    let tickets: Vec<_> = page.iter().map(|sighting| sighting.ticket.clone()).collect();
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "insert into crm.sighting (run, record_id, ticket_id)
         select $1, s.record_id, s.ticket_id from unnest($2::text[], $3::text[]) s(record_id, ticket_id)
         on conflict do nothing",
        run.id,
        &records,
        &tickets,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update crm.reconciliation
         set pages = pages + 1, cursor = $2, started_at = coalesce(started_at, $3),
             read_at = case when $2::text is null then $3 end
         where id = $1",
        run.id,
        next,
        now,
    )
    .execute(&mut *transaction)
    .await?;
    if next.is_none() {
        find(&mut transaction, sink, run.id).await?;
        recover(&mut transaction, sink, run.id, now).await?;
    }
    transaction.commit().await
}

/// What was settled since the first page may not be on any: the run says nothing about it.
async fn find(connection: &mut sqlx::PgConnection, sink: &str, run: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "with r as (select started_at, since from crm.reconciliation where id = $2),
              seen as (select s.record_id, s.ticket_id,
                              row_number() over (partition by s.ticket_id order by length(s.record_id), s.record_id) as nth
                       from crm.sighting s where s.run = $2)
         insert into crm.finding (run, kind, record_id, ticket_id, settled)
         select $2, 'missing', d.record_id, d.ticket_id, false
         from crm.delivery d, r
         where d.sink = $1 and d.state = 'delivered' and d.settled_at < r.started_at
           and (r.since is null or d.settled_at >= r.since)
           and not exists (select from seen where seen.record_id = d.record_id)
         union all
         select $2, 'unknown', seen.record_id, seen.ticket_id, true
         from seen where not exists (select from crm.delivery d where d.sink = $1 and d.ticket_id = seen.ticket_id)
         union all
         select $2, 'double', seen.record_id, seen.ticket_id, true
         from seen join crm.delivery d on d.sink = $1 and d.ticket_id = seen.ticket_id
         where seen.record_id <> coalesce(d.record_id, seen.record_id) or (d.record_id is null and seen.nth > 1)
         union all
         select $2, 'recovered', seen.record_id, seen.ticket_id, true
         from seen join crm.delivery d on d.sink = $1 and d.ticket_id = seen.ticket_id
         where d.state in ('pending', 'parked') and seen.nth = 1
         on conflict do nothing",
        sink,
        run,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A look-up settles what has a record after all, like any duplicate.
async fn recover(
    connection: &mut sqlx::PgConnection,
    sink: &str,
    run: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update crm.delivery d
         set state = 'ambiguous', how = 'duplicate', reason = null, due_at = $3, batch = coalesce(d.batch, 'reconciled')
         from crm.finding f
         where f.run = $2 and f.kind = 'recovered' and d.sink = $1 and d.ticket_id = f.ticket_id
           and d.state in ('pending', 'parked')",
        sink,
        run,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tickets that seem to be missing and were not looked up yet, as many as fit into a look-up.
pub async fn suspects(pool: &PgPool, run: i64) -> sqlx::Result<Vec<Suspect>> {
    let rows = sqlx::query!(
        "select ticket_id, record_id from crm.finding
         where run = $1 and kind = 'missing' and not settled order by ticket_id limit $2",
        run,
        MAX_SOUGHT as i64,
    );
    let dress = |ticket: &str, record_id| {
        let ticket = ticket.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Suspect { ticket, record_id })
    };
    rows.fetch_all(pool).await?.into_iter().map(|row| dress(&row.ticket_id, row.record_id)).collect()
}

/// These were looked up: those that were found after all are no finding.
pub async fn settle(pool: &PgPool, run: i64, found: &[Suspect], gone: &[Suspect]) -> sqlx::Result<()> {
    let texts =
        |suspects: &[Suspect]| suspects.iter().map(|suspect| suspect.ticket.to_string()).collect::<Vec<_>>();
    sqlx::query!(
        "with absolved as (delete from crm.finding where run = $1 and kind = 'missing' and ticket_id = any($2))
         update crm.finding set settled = true where run = $1 and kind = 'missing' and ticket_id = any($3)",
        run,
        &texts(found),
        &texts(gone),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Ends the run. The pages are not kept, what they led to is.
pub async fn finish(pool: &PgPool, run: i64, now: DateTime<Utc>) -> sqlx::Result<Findings> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("delete from crm.sighting where run = $1", run).execute(&mut *transaction).await?;
    sqlx::query!("update crm.reconciliation set finished_at = $2 where id = $1", run, now)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    findings(pool, run).await
}

/// What a run has found so far.
pub async fn findings(pool: &PgPool, run: i64) -> sqlx::Result<Findings> {
    sqlx::query_as!(
        Findings,
        r#"select count(*) filter (where kind = 'missing') as "missing!",
                  count(*) filter (where kind = 'unknown') as "unknown!",
                  count(*) filter (where kind = 'double') as "double!",
                  count(*) filter (where kind = 'recovered') as "recovered!"
           from crm.finding where run = $1"#,
        run,
    )
    .fetch_one(pool)
    .await
}
