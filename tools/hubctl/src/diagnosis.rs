//! What holds whom: for an operator who asks why nothing moves. Names, places, counts and durations; no content.

use chrono::{DateTime, Utc};
use schemas::TicketId;
use sqlx::{PgPool, query_as};

/// Where a stage stands.
#[derive(Debug)]
pub(crate) struct StageState {
    /// The stage.
    pub(crate) name: String,
    /// Done up to here.
    pub(crate) position: i64,
    /// Attempts at what comes next, crashes included.
    pub(crate) attempts: i32,
    /// Seconds since it last moved or tried.
    pub(crate) idle_s: f64,
    /// Events parked.
    pub(crate) parked: i64,
    /// Events waiting for a retry, or behind a parked one.
    pub(crate) waiting: i64,
}

/// A process that leads a stage.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The stage.
    pub(crate) stage: String,
    /// Its name for the database.
    pub(crate) application: Option<String>,
    /// Its session.
    pub(crate) pid: i32,
    /// Seconds for which the session is open.
    pub(crate) open_s: Option<f64>,
}

/// A session that waits for another one's lock.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Its session.
    pub(crate) pid: i32,
    /// Its name for the database.
    pub(crate) application: Option<String>,
    /// Seconds for which its transaction is open.
    pub(crate) open_s: Option<f64>,
    /// Names and states of the sessions it waits for.
    pub(crate) blockers: String,
}

/// Where every stage stands.
pub(crate) async fn stages(pool: &PgPool) -> Result<Vec<StageState>, sqlx::Error> {
    let stages = query_as!(
        StageState,
        r#"select c.name, c.position, c.attempts,
                  extract(epoch from clock_timestamp() - c.updated_at)::float8 as "idle_s!",
                  count(e.position) filter (where e.due_at is null) as "parked!",
                  count(e.position) filter (where e.due_at is not null) as "waiting!"
           from subscription.checkpoints c left join subscription.exceptions e on e.name = c.name
           group by c.name order by c.name"#
    )
    .fetch_all(pool)
    .await?;
    Ok(stages)
}

/// Who leads the stages of these names.
pub(crate) async fn leaders(pool: &PgPool, stages: &[String]) -> Result<Vec<Leader>, sqlx::Error> {
    // A lock on a bigint shows as its two halves; the hash is the one of `Leadership`.
    let leaders = query_as!(
        Leader,
        r#"select s.name as "stage!", a.application_name as application, l.pid as "pid!", 
                  extract(epoch from clock_timestamp() - a.backend_start)::float8 as open_s
           from unnest($1::text[]) s(name)
           join pg_locks l on l.locktype = 'advisory' and l.granted and l.objsubid = 1
                and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('hub-stage:' || s.name, 0)
                and l.database = (select oid from pg_database where datname = current_database())
           left join pg_stat_activity a on a.pid = l.pid
           order by 1"#,
        stages,
    )
    .fetch_all(pool)
    .await?;
    Ok(leaders)
}

/// The names of all processes that are connected to this database.
pub(crate) async fn processes(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let names = sqlx::query_scalar!(
        r#"select distinct application_name as "name!" from pg_stat_activity
           where datname = current_database() and application_name <> ''"#
    );
    names.fetch_all(pool).await
}

/// Who waits for whose lock in this database: on the log head, where everybody who appends passes, or elsewhere.
pub(crate) async fn lock_waiters(pool: &PgPool) -> Result<Vec<Waiter>, sqlx::Error> {
    let waiters = query_as!(
        Waiter,
        r#"select w.pid as "pid!", w.application_name as application, 
                  extract(epoch from clock_timestamp() - w.xact_start)::float8 as open_s,
                  coalesce((select string_agg(coalesce(nullif(b.application_name, ''), 'unnamed')
                                              || ' (' || b.pid || ', ' || coalesce(b.state, 'unknown') || ')', ', ')
                            from pg_stat_activity b where b.pid = any(pg_blocking_pids(w.pid))), '') as "blockers!"
           from pg_stat_activity w
           where w.datname = current_database() and w.wait_event_type = 'Lock'
           order by w.xact_start"#
    )
    .fetch_all(pool)
    .await?;
    Ok(waiters)
}

/// Deliveries to the CRM by state, with the earliest that is due; `None` without a CRM sink.
pub(crate) async fn crm_backlog(
    pool: &PgPool,
) -> Result<Option<Vec<(String, i64, Option<DateTime<Utc>>)>>, sqlx::Error> {
    if !has_crm(pool).await? {
        return Ok(None);
    }
    let states = sqlx::query!(
        r#"select state, count(*) as "count!", min(due_at) filter (where state in ('pending', 'ambiguous')) as due
           from crm.delivery group by state order by state"#
    )
    .fetch_all(pool)
    .await?;
    Ok(Some(states.into_iter().map(|row| (row.state, row.count, row.due)).collect()))
}

/// A ticket's delivery to the CRM: its state, attempts and why it is parked; `None` when there is none.
pub(crate) async fn crm_delivery(
    pool: &PgPool,
    ticket: TicketId,
) -> Result<Option<(String, i32, Option<String>)>, sqlx::Error> {
    if !has_crm(pool).await? {
        return Ok(None);
    }
    let row = sqlx::query!(
        "select state, attempts, reason from crm.delivery where ticket_id = $1 order by sink desc limit 1",
        ticket.to_string(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| (row.state, row.attempts, row.reason)))
}

async fn has_crm(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let there = sqlx::query_scalar!(r#"select to_regclass('crm.delivery') is not null as "there!""#);
    there.fetch_one(pool).await
}
