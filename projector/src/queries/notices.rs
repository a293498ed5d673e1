//! What happened, for whoever listens: events in the order of the log, each with its ticket as it is now.

use chrono::{DateTime, Utc};
use schemas::{Position, subject};
use serde_json::Value;
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::live::notice::{Notice, Standing};

/// An event beside its ticket, which may not be known.
struct Row {
    position: i64,
    r#type: String,
    ticket_id: String,
    version: i32,
    recorded_at: DateTime<Utc>,
    actor: String,
    details: Option<Value>,
    number: Option<i64>,
    status: Option<String>,
    request_type: Option<String>,
    category: Option<String>,
    priority: Option<String>,
    sentiment: Option<String>,
    route: Option<String>,
    urgency: Option<i16>,
    assignee: Option<String>,
    needs_review: Option<bool>,
    taken_from: Option<String>,
}

/// Up to `limit` notices after `after` and not after `through`, in order.
///
/// # Errors
/// As [`QueryError`].
pub async fn notices(
    pool: &PgPool,
    after: Position,
    through: Position,
    limit: i64,
) -> Result<Vec<Notice>, QueryError> {
    let query = sqlx::query_as!(
        Row,
        r#"select e.position, e.type, e.ticket_id, e.version, e.recorded_at, e.actor, e.details,
                  t.number as "number?", t.status as "status?", t.request_type as "request_type?", t.category,
                  t.priority, t.sentiment, t.route, t.urgency, t.assignee, t.needs_review as "needs_review?",
                  case when e.type = 'hub.ticket.assigned.v1' then (
                      select before.details ->> 'assignee' from projector.timeline before
                      where before.ticket_id = e.ticket_id and before.version < e.version and before.type = e.type
                      order by before.version desc limit 1) end as taken_from
           from projector.timeline e left join projector.tickets t on t.id = e.ticket_id
           where e.position > $1 and e.position <= $2
           order by e.position limit $3"#,
        after.0,
        through.0,
        limit,
    );
    let rows = timed("select", "timeline", query.fetch_all(pool)).await?;
    Ok(rows.into_iter().map(Notice::from).collect())
}

impl From<Row> for Notice {
    fn from(row: Row) -> Self {
        Self {
            position: Position(row.position),
            kind: subject::token(&row.r#type),
            ticket_id: row.ticket_id.clone(),
            version: row.version,
            at: row.recorded_at,
            actor: row.actor.clone(),
            details: row.details.clone(),
            taken_from: row.taken_from.clone(),
            ticket: standing(row),
        }
    }
}

fn standing(row: Row) -> Option<Standing> {
    Some(Standing {
        number: row.number?,
        status: row.status?,
        request_type: row.request_type?,
        category: row.category,
        priority: row.priority,
        sentiment: row.sentiment,
        route: row.route,
        urgency: row.urgency,
        assignee: row.assignee,
        needs_review: row.needs_review?,
    })
}
