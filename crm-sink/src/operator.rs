//! What `hubctl crm` does: seeing how a sink stands, and deciding about what it gave up. No content of tickets: ids, states,
//! codes, counts and times.

use chrono::{DateTime, Utc};
use schemas::TicketId;
use sqlx::PgPool;

use crate::{
    reconciliation::{self, Findings},
    status::{self, Backlog},
};

/// How a sink stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Tickets by state.
    pub backlog: Backlog,
    /// Who paused it, when and why.
    pub paused: Option<(String, DateTime<Utc>, Option<String>)>,
    /// Which breaker is open, and until when; whether that needs a person.
    pub breaker: Option<(String, DateTime<Utc>, bool)>,
    /// Calls of the latest day with any, by purpose.
    pub calls: Vec<(String, i32)>,
    /// When Zoho last said that the day's calls are used up.
    pub exhausted_at: Option<DateTime<Utc>>,
    /// Until when the access token is used, and why there will be none.
    pub token: Option<(Option<DateTime<Utc>>, Option<String>)>,
    /// What came of asking for the form, and when.
    pub form: Option<(String, DateTime<Utc>)>,
    /// The latest comparison of both sides.
    pub comparison: Option<Comparison>,
}

/// A comparison of both sides.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Which.
    pub id: i64,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When it ended, if it has.
    pub finished_at: Option<DateTime<Utc>>,
    /// Pages read.
    pub pages: i32,
    /// What it found.
    pub findings: Findings,
}

/// A ticket on the work list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which.
    pub ticket: String,
    /// Its state.
    pub state: String,
    /// Requests so far.
    pub attempts: i32,
    /// When it is due, or was settled.
    pub at: Option<DateTime<Utc>>,
    /// Its latest batch.
    pub batch: Option<String>,
    /// The system's id of its record.
    pub record_id: Option<String>,
    /// Why it, or its update, is parked.
    pub reason: Option<String>,
}

/// Which of the parked tickets.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Only this one.
    pub ticket: Option<TicketId>,
    /// Only those whose reason contains this.
    pub reason: Option<String>,
    /// At most so many, the oldest first.
    pub limit: Option<i64>,
}

/// How a sink stands.
///
/// # Errors
/// When the database fails.
pub async fn standing(pool: &PgPool, sink: &str) -> sqlx::Result<Standing> {
    let lane = sqlx::query!(
        "select paused_at, paused_by, paused_note, breaker, breaker_until, needs_a_person, exhausted_at
         from crm.lane where sink = $1",
        sink,
    )
    .fetch_optional(pool)
    .await?;
    let token = sqlx::query!("select use_until, stopped from crm.oauth_token where provider = $1", sink)
        .fetch_optional(pool)
        .await?;
    let form = sqlx::query!("select outcome, asked_at from crm.form_check where sink = $1", sink)
        .fetch_optional(pool)
        .await?;
    let calls = sqlx::query!(
        "select purpose, calls from crm.calls
         where sink = $1 and day = (select max(day) from crm.calls where sink = $1) order by purpose",
        sink,
    )
    .fetch_all(pool)
    .await?;
    let (paused, breaker, exhausted_at) = lane.map_or((None, None, None), |lane| {
        let paused = lane.paused_by.zip(lane.paused_at).map(|(by, at)| (by, at, lane.paused_note));
        let breaker = lane.breaker.zip(lane.breaker_until);
        (paused, breaker.map(|(name, until)| (name, until, lane.needs_a_person)), lane.exhausted_at)
    });
    Ok(Standing {
        backlog: status::count(pool, sink).await?,
        paused,
        breaker,
        calls: calls.into_iter().map(|row| (row.purpose, row.calls)).collect(),
        exhausted_at,
        token: token.map(|row| (row.use_until, row.stopped)),
        form: form.map(|row| (row.outcome, row.asked_at)),
        comparison: comparison(pool, sink).await?,
    })
}

async fn comparison(pool: &PgPool, sink: &str) -> sqlx::Result<Option<Comparison>> {
    let run = sqlx::query!(
        "select id, asked_by, asked_at, finished_at, pages from crm.reconciliation
         where sink = $1 order by id desc limit 1",
        sink,
    )
    .fetch_optional(pool)
    .await?;
    let Some(run) = run else { return Ok(None) };
    Ok(Some(Comparison {
        id: run.id,
        asked_by: run.asked_by,
        asked_at: run.asked_at,
        finished_at: run.finished_at,
        pages: run.pages,
        findings: reconciliation::findings(pool, run.id).await?,
    }))
}

/// What is still owed, the longest waiting first: tickets to be sent or looked up, and records out of date.
///
/// # Errors
/// When the database fails.
pub async fn backlog(pool: &PgPool, sink: &str, limit: i64) -> sqlx::Result<Vec<Line>> {
    sqlx::query_as!(
        Line,
        r#"select ticket_id as ticket,
                  case when state = 'delivered' then 'outdated' else state end as "state!",
                  case when state = 'delivered' then update_attempts else attempts end as "attempts!",
                  case when state = 'delivered' then update_due_at else due_at end as at,
                  batch, record_id, coalesce(reason, refused) as reason
           from crm.delivery
           where sink = $1 and (state in ('pending', 'sending', 'ambiguous')
                                or (state = 'delivered' and wanted > told and update_refused is null))
           order by 4 limit $2"#,
        sink,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// What was given up: tickets that are parked, and records that stay out of date.
///
/// # Errors
/// When the database fails.
pub async fn parked(pool: &PgPool, sink: &str, chosen: &Chosen) -> sqlx::Result<Vec<Line>> {
    sqlx::query_as!(
        Line,
        r#"select ticket_id as ticket,
                  case when state = 'delivered' then 'stuck' else state end as "state!",
                  case when state = 'delivered' then update_attempts else attempts end as "attempts!",
                  coalesce(settled_at, due_at) as at, batch, record_id, coalesce(reason, update_refused) as reason
           from crm.delivery
           where sink = $1 and (state = 'parked' or (state = 'delivered' and update_refused is not null))
             and ($2::text is null or ticket_id = $2)
             and ($3::text is null or position($3 in coalesce(reason, update_refused)) > 0)
           order by 4, 1 limit $4"#,
        sink,
        chosen.ticket.map(|ticket| ticket.to_string()),
        chosen.reason,
        chosen.limit,
    )
    .fetch_all(pool)
    .await
}

/// Lets the lane try again what was given up, from the foot of the ladder. How many.
///
/// # Errors
/// When the database fails.
pub async fn retry(pool: &PgPool, sink: &str, chosen: &Chosen) -> sqlx::Result<u64> {
    let tickets = tickets(parked(pool, sink, chosen).await?);
    let done = sqlx::query!(
        "update crm.delivery
         set state = case when state = 'parked' then 'pending' else state end,
             attempts = case when state = 'parked' then 0 else attempts end,
             due_at = case when state = 'parked' then clock_timestamp() else due_at end,
             settled_at = case when state = 'parked' then null else settled_at end,
             reason = null, slice = null,
             update_refused = null, update_attempts = 0, update_due_at = clock_timestamp()
         where sink = $1 and ticket_id = any($2)
           and (state = 'parked' or (state = 'delivered' and update_refused is not null))",
        sink,
        &tickets,
    );
    Ok(done.execute(pool).await?.rows_affected())
}

/// Leaves undone for good what was given up; who decided it and why is kept. How many.
///
/// # Errors
/// When the database fails.
pub async fn discard(pool: &PgPool, sink: &str, chosen: &Chosen, by: &str, note: &str) -> sqlx::Result<u64> {
    let tickets = tickets(parked(pool, sink, chosen).await?);
    let done = sqlx::query!(
        "update crm.delivery
         set state = case when state = 'parked' then 'discarded' else state end,
             told = case when state = 'parked' then told else wanted end,
             update_refused = null, decided_by = $3, decided_note = $4
         where sink = $1 and ticket_id = any($2)
           and (state = 'parked' or (state = 'delivered' and update_refused is not null))",
        sink,
        &tickets,
        by,
        note,
    );
    Ok(done.execute(pool).await?.rows_affected())
}

/// What the latest comparison found, but what it settled: kind, record, ticket.
///
/// # Errors
/// When the database fails.
pub async fn findings(pool: &PgPool, run: i64, limit: i64) -> sqlx::Result<Vec<(String, String, String)>> {
    let rows = sqlx::query!(
        "select kind, record_id, ticket_id from crm.finding where run = $1 order by kind, ticket_id, record_id limit $2",
        run,
        limit,
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(|row| (row.kind, row.record_id, row.ticket_id)).collect())
}

fn tickets(lines: Vec<Line>) -> Vec<String> {
    lines.into_iter().map(|line| line.ticket).collect()
}
