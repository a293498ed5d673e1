//! A lane's row, `crm.lane`: who leads it, whether an operator paused it, and which breaker is open. In the database, so
//! that a restart forgets none of it and `hubctl crm` can see and change it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::brake::{Brake, Breaker, Rest};

/// What a lane is told before each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// The newest leader's number.
    pub fence: i64,
    /// An operator does not want anything sent.
    pub paused: bool,
    /// No breaker is open, or an operator closed it.
    pub breaker_closed: bool,
}

/// Another process leads the lane now: whatever this one was about to write is no longer its business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another process leads the lane now")]
pub struct Replaced;

/// A lane as the leader before left it.
#[derive(Clone, Copy, Debug)]
pub struct Led {
    /// The new leader's number.
    pub fence: i64,
    /// The breaker.
    pub brake: Brake,
    /// When tickets were last sent for the first time.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Makes this process the lane's newest leader.
pub async fn lead(pool: &PgPool, sink: &str) -> sqlx::Result<Led> {
    let row = sqlx::query!(
        "insert into crm.lane (sink, fence) values ($1, 1)
         on conflict (sink) do update set fence = crm.lane.fence + 1
         returning fence, breaker, breaker_until, failures, sent_at",
        sink,
    )
    .fetch_one(pool)
    .await?;
    let breaker = row.breaker.as_deref().and_then(Breaker::named);
    let rest = breaker.zip(row.breaker_until).map(|(breaker, until)| Rest { breaker, until });
    let brake = Brake::resumed(rest, row.failures.unsigned_abs());
    Ok(Led { fence: row.fence, brake, sent_at: row.sent_at })
}

/// What holds now.
pub async fn load(pool: &PgPool, sink: &str) -> sqlx::Result<Control> {
    let row = sqlx::query!(
        r#"select fence, paused_at is not null as "paused!", breaker is null as "closed!"
           from crm.lane where sink = $1"#,
        sink,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map_or(Control { fence: 0, paused: false, breaker_closed: true }, |row| Control {
        fence: row.fence,
        paused: row.paused,
        breaker_closed: row.closed,
    }))
}

/// Keeps the lane's latest leader in place until the transaction ends.
///
/// # Errors
/// [`Replaced`] when that is not `fence`.
pub async fn hold(connection: &mut PgConnection, sink: &str, fence: i64) -> anyhow::Result<()> {
    let held = sqlx::query_scalar!("select fence from crm.lane where sink = $1 for share", sink)
        .fetch_optional(connection)
        .await?;
    if held.unwrap_or_default() == fence { Ok(()) } else { Err(Replaced.into()) }
}

/// As [`hold`], for a request that sends tickets for the first time: when it left is written down.
///
/// # Errors
/// [`Replaced`] when the lane's latest leader is not `fence`.
pub async fn hold_to_send(
    connection: &mut PgConnection,
    sink: &str,
    fence: i64,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let held =
        sqlx::query!("update crm.lane set sent_at = $3 where sink = $1 and fence = $2", sink, fence, now)
            .execute(connection)
            .await?;
    if held.rows_affected() == 1 { Ok(()) } else { Err(Replaced.into()) }
}

/// Writes down which breaker is open.
pub async fn note_rest(
    pool: &PgPool,
    sink: &str,
    fence: i64,
    rest: Option<Rest>,
    failures: u32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update crm.lane set breaker = $3, breaker_until = $4, needs_a_person = $5, failures = $6
         where sink = $1 and fence = $2",
        sink,
        fence,
        rest.map(|rest| rest.breaker.name()),
        rest.map(|rest| rest.until),
        rest.is_some_and(|rest| rest.breaker.needs_a_person()),
        i32::try_from(failures).unwrap_or(i32::MAX),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Stops sending until [`resume`]. Intake goes on; nothing is lost.
pub async fn pause(
    pool: &PgPool,
    sink: &str,
    by: &str,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into crm.lane (sink, paused_at, paused_by, paused_note) values ($1, $2, $3, $4)
         on conflict (sink) do update set paused_at = $2, paused_by = $3, paused_note = $4",
        sink,
        now,
        by,
        note,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Goes on, at once, whatever breaker is open. Whether anything was in the way.
pub async fn resume(pool: &PgPool, sink: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update crm.lane set paused_at = null, paused_by = null, paused_note = null,
                breaker = null, breaker_until = null, needs_a_person = false, failures = 0
         where sink = $1 and (paused_at is not null or breaker is not null)",
        sink,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}
