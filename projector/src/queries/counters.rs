//! Counters, which are kept and never counted: sums over a period, and their course over time.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::statistics::count::dimension::is_personal;

/// Over which tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Every ticket.
    All,
    /// Tickets submitted from the first time on and before the second, both full hours.
    Between(DateTime<Utc>, DateTime<Utc>),
}

/// What a counter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// One of [`crate::statistics::count::dimension`].
    pub dimension: String,
    /// What of it.
    pub label: String,
    /// The second label of a two-dimensional one, else empty.
    pub other: String,
    /// How many tickets.
    pub count: i64,
}

/// A counter at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Where the hour or day begins.
    pub at: DateTime<Utc>,
    /// What of the dimension.
    pub label: String,
    /// How many tickets.
    pub count: i64,
}

/// How finely a course is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Hour by hour.
    Hour,
    /// Day by day, UTC.
    Day,
}

impl Grain {
    /// As the column holds it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }
}

/// The last beginning of an hour or a day that is not after `time`.
#[must_use]
pub fn begin(time: DateTime<Utc>, grain: Grain) -> DateTime<Utc> {
    let length = grain.length().num_seconds();
    DateTime::from_timestamp(time.timestamp().div_euclid(length) * length, 0).unwrap_or(time)
}

/// The first beginning of an hour or a day that is not before `time`.
#[must_use]
pub fn end(time: DateTime<Utc>, grain: Grain) -> DateTime<Utc> {
    let begin = begin(time, grain);
    if begin == time { time } else { begin.checked_add_signed(grain.length()).unwrap_or(time) }
}

/// Every counter of these dimensions that is not zero.
///
/// # Errors
/// As [`QueryError`].
pub async fn counters(pool: &PgPool, span: Span, dimensions: &[&str]) -> Result<Vec<Counter>, QueryError> {
    let dimensions: Vec<String> = dimensions.iter().map(|name| (*name).to_owned()).collect();
    let parts = Parts::of(span);
    let query = sqlx::query_as!(
        Counter,
        r#"select dimension, label, other, sum(count)::bigint as "count!"
           from projector.statistics
           where dimension = any($1)
             and (grain = 'all' and $2
                  or grain = 'day' and at >= $3 and at < $4
                  or grain = 'hour' and (at >= $5 and at < $6 or at >= $7 and at < $8))
           group by dimension, label, other having sum(count) <> 0"#,
        &dimensions,
        parts.all,
        parts.days.0,
        parts.days.1,
        parts.head.0,
        parts.head.1,
        parts.tail.0,
        parts.tail.1,
    );
    timed("aggregate", "statistics", query.fetch_all(pool)).await
}

/// Every counter of these dimensions over all tickets, as it was at the beginning of an hour: the sum of all changes before
/// it, or what there is now without all changes since, whichever are fewer. What was read off personal data has no history
/// and is left out.
///
/// # Errors
/// As [`QueryError`].
pub async fn counters_before(
    pool: &PgPool,
    hour: DateTime<Utc>,
    dimensions: &[&str],
) -> Result<Vec<Counter>, QueryError> {
    let dimensions = dimensions.iter().filter(|name| !is_personal(name));
    let dimensions: Vec<String> = dimensions.map(|name| (*name).to_owned()).collect();
    if is_nearer_to_the_end(pool, hour).await? {
        now_without_changes_since(pool, hour, &dimensions).await
    } else {
        changes_before(pool, hour, &dimensions).await
    }
}

async fn is_nearer_to_the_end(pool: &PgPool, hour: DateTime<Utc>) -> Result<bool, QueryError> {
    let query = sqlx::query!("select min(at), max(at) from projector.statistics where grain = 'change-day'");
    let days = timed("select", "statistics", query.fetch_one(pool)).await?;
    Ok(matches!((days.min, days.max), (Some(first), Some(last)) if last - hour < hour - first))
}

/// Of whole days before, and of the hours of its own.
async fn changes_before(
    pool: &PgPool,
    hour: DateTime<Utc>,
    dimensions: &[String],
) -> Result<Vec<Counter>, QueryError> {
    let query = sqlx::query_as!(
        Counter,
        r#"select dimension, label, other, sum(count)::bigint as "count!"
           from projector.statistics
           where dimension = any($1)
             and (grain = 'change-day' and at < $2 or grain = 'change' and at >= $2 and at < $3)
           group by dimension, label, other having sum(count) <> 0"#,
        dimensions,
        begin(hour, Grain::Day),
        hour,
    );
    timed("aggregate", "statistics", query.fetch_all(pool)).await
}

/// Of the hours of its own day, and of whole days after it.
async fn now_without_changes_since(
    pool: &PgPool,
    hour: DateTime<Utc>,
    dimensions: &[String],
) -> Result<Vec<Counter>, QueryError> {
    let query = sqlx::query_as!(
        Counter,
        r#"select dimension as "dimension!", label as "label!", other as "other!",
                  sum(case grain when 'all' then count else -count end)::bigint as "count!"
           from projector.statistics
           where dimension = any($1)
             and (grain = 'all' or grain = 'change-day' and at >= $2 or grain = 'change' and at >= $3 and at < $2)
           group by dimension, label, other having sum(case grain when 'all' then count else -count end) <> 0"#,
        dimensions,
        end(hour, Grain::Day),
        hour,
    );
    timed("aggregate", "statistics", query.fetch_all(pool)).await
}

/// The course of a dimension from `from` on and before `to`, in order.
///
/// # Errors
/// As [`QueryError`].
pub async fn series(
    pool: &PgPool,
    grain: Grain,
    dimension: &str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Point>, QueryError> {
    let query = sqlx::query_as!(
        Point,
        r#"select at, label, sum(count)::bigint as "count!"
           from projector.statistics
           where grain = $1 and dimension = $2 and at >= $3 and at < $4
           group by at, label having sum(count) <> 0 order by at, label"#,
        grain.name(),
        dimension,
        from,
        to,
    );
    timed("select", "statistics", query.fetch_all(pool)).await
}

/// Cells read at a time.
pub const CELLS: i64 = 1000;

/// A counter as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Cell {
    pub at: DateTime<Utc>,
    pub dimension: String,
    pub label: String,
    pub other: String,
    pub count: i64,
}

/// The next [`CELLS`] cells from `from` on and before `to`, in order of time, dimension and labels.
///
/// # Errors
/// As [`QueryError`].
pub async fn cells(
    pool: &PgPool,
    grain: Grain,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<&Cell>,
) -> Result<Vec<Cell>, QueryError> {
    let text = |part: fn(&Cell) -> &String| after.map_or_else(String::new, |cell| part(cell).clone());
    let query = sqlx::query_as!(
        Cell,
        "select at, dimension, label, other, count
         from projector.statistics
         where grain = $1 and at >= $2 and at < $3 and count <> 0
           and (at, dimension, label, other) > ($4, $5, $6, $7)
         order by at, dimension, label, other limit $8",
        grain.name(),
        from,
        to,
        after.map_or(from, |cell| cell.at),
        text(|cell| &cell.dimension),
        text(|cell| &cell.label),
        text(|cell| &cell.other),
        CELLS,
    );
    timed("select", "statistics", query.fetch_all(pool)).await
}

/// A span as ranges of rows: whole days in the middle, hours at both ends, so that a year is some hundred rows a label.
struct Parts {
    all: bool,
    days: Range,
    head: Range,
    tail: Range,
}

type Range = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

impl Parts {
    fn of(span: Span) -> Self {
        let nothing = Self { all: false, days: (None, None), head: (None, None), tail: (None, None) };
        match span {
            Span::All => Self { all: true, ..nothing },
            Span::Between(from, to) => {
                let (first, last) = (end(from, Grain::Day), begin(to, Grain::Day));
                if first >= last {
                    return Self { head: (Some(from), Some(to)), ..nothing };
                }
                Self {
                    days: (Some(first), Some(last)),
                    head: (Some(from), Some(first)),
                    tail: (Some(last), Some(to)),
                    ..nothing
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_whole_days_and_the_hours_around_them() {
        let parts = Parts::of(Span::Between(time("2026-11-23T22:00:00Z"), time("2026-11-25T01:00:00Z")));
        let range = |from, to| (Some(time(from)), Some(time(to)));
        assert_eq!(parts.head, range("2026-11-23T22:00:00Z", "2026-11-24T00:00:00Z"));
        assert_eq!(parts.days, range("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"));
        assert_eq!(parts.tail, range("2026-11-25T00:00:00Z", "2026-11-25T01:00:00Z"));
    }

    #[test]
    fn a_time_is_rounded_to_full_hours() {
        let time = time("2026-11-23T22:30:00Z");
        assert_eq!(begin(time, Grain::Hour).to_rfc3339(), "2026-11-23T22:00:00+00:00");
        assert_eq!(end(time, Grain::Hour).to_rfc3339(), "2026-11-23T23:00:00+00:00");
        assert_eq!(end(end(time, Grain::Day), Grain::Day).to_rfc3339(), "2026-11-24T00:00:00+00:00");
    }
}
