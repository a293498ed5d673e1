//! Time travel: what a ticket was, and what the statistics were, at a time or a position. A ticket is folded from its
//! own events; statistics are the sum of the changes of all hours before, and of the tickets that the events of the last,
//! broken hour touched.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    KeyRing, PersonalKeys,
    personal_keys::KeyError,
    read::streams::{streams_of, touched_between},
};
use schemas::{Envelope, Position, TicketId};
use sqlx::PgPool;

use crate::{
    projection::{
        fact::{self, Fact},
        fold::fold_stream,
    },
    queries::{
        QueryError,
        counters::{Counter, counters_before},
        log,
    },
    read_model::Ticket,
    statistics::{Changes, changes::hour_of},
};

/// Events of a broken hour that are folded at most; a busier hour is left out as a whole.
const BROKEN_HOUR: i64 = 20_000;

/// Some moment of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after the event at this position.
    Position(Position),
    /// Right after the last event recorded until then.
    Time(DateTime<Utc>),
}

/// The hour of a moment, which had not ended: what happened before it is in the counters, what happened in it is read off
/// the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenHour {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// The last event before it: counters are right only once the read model holds it.
    pub before: Position,
    /// The last event of the moment.
    pub through: Position,
}

/// What the statistics were, without topics: those are read off personal data, of which no history is kept.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// The moment they are exact for: the one that was asked for, or the beginning of its hour where that was too busy.
    pub through: Position,
    /// Of all tickets.
    pub counters: Vec<Counter>,
}

/// The ticket as it was; nothing where it had not been handed in yet. Personal data shows as long as there is a key,
/// whenever the moment was.
///
/// # Errors
/// As [`QueryError`].
pub async fn ticket(
    log: &PgPool,
    keys: &PersonalKeys,
    id: TicketId,
    moment: Moment,
) -> Result<Option<Ticket>, QueryError> {
    let through = match moment {
        Moment::Position(position) => position,
        Moment::Time(_) => Position(i64::MAX),
    };
    let mut events = streams_of(log, &[id], through).await.map_err(KeyError::from)?;
    if let Moment::Time(time) = moment {
        events.retain(|event| event.time <= time);
    }
    let facts = read(&events)?;
    let ring = fact::ring(keys, &facts).await?;
    let folded = fold_stream(&facts, &ring, Position::START, &mut Changes::default());
    Ok(folded.map(|folded| folded.ticket))
}

/// The hour of a moment.
///
/// # Errors
/// As [`QueryError`].
pub async fn broken_hour(log: &PgPool, moment: Moment) -> Result<BrokenHour, QueryError> {
    let last = match moment {
        Moment::Position(position) => at(log, position.min(log::head(log).await?)).await?,
        Moment::Time(time) => last_until(log, time).await?,
    };
    let Some(time) = last.recorded_at else {
        let (before, through) = (Position::START, Position::START);
        return Ok(BrokenHour { began_at: DateTime::UNIX_EPOCH, before, through });
    };
    let began_at = DateTime::from_timestamp(hour_of(time), 0).unwrap_or_default();
    let before = last_until(log, began_at - TimeDelta::microseconds(1)).await?.position;
    Ok(BrokenHour { began_at, before, through: last.position })
}

/// The statistics of these dimensions as they were in a broken hour, of a read model that holds everything before it.
///
/// # Errors
/// As [`QueryError`].
pub async fn statistics(
    model: &PgPool,
    log: &PgPool,
    hour: BrokenHour,
    dimensions: &[&str],
) -> Result<Statistics, QueryError> {
    let BrokenHour { began_at, before, through } = hour;
    let counters = counters_before(model, began_at, dimensions).await?;
    if through.0 - before.0 > BROKEN_HOUR {
        return Ok(Statistics { through: before, counters });
    }
    let changes = changes_between(log, before, through).await?;
    Ok(Statistics { through, counters: changed(counters, &changes, dimensions) })
}

/// The counters after the changes; those that are back at nothing are left out.
fn changed(counters: Vec<Counter>, changes: &Changes, dimensions: &[&str]) -> Vec<Counter> {
    let key = |counter: &Counter| (counter.dimension.clone(), counter.label.clone(), counter.other.clone());
    let mut counters: HashMap<_, _> = counters.into_iter().map(|counter| (key(&counter), counter)).collect();
    for cell in changes.cells() {
        if cell.grain != "all" || cell.count.is_personal() || !dimensions.contains(&cell.count.dimension) {
            continue;
        }
        let change = Counter {
            dimension: cell.count.dimension.to_owned(),
            label: cell.count.label,
            other: cell.count.other,
            count: cell.change,
        };
        counters.entry(key(&change)).and_modify(|counter| counter.count += change.count).or_insert(change);
    }
    counters.into_values().filter(|counter| counter.count != 0).collect()
}

/// By how much the events after `before` up to `through` changed the counters that have a history. Those are of nothing
/// personal, so nothing is opened.
async fn changes_between(log: &PgPool, before: Position, through: Position) -> Result<Changes, QueryError> {
    let tickets = touched_between(log, before, through).await.map_err(KeyError::from)?;
    let events = streams_of(log, &tickets, through).await.map_err(KeyError::from)?;
    let facts = read(&events)?;
    let (nothing, mut changes) = (KeyRing::default(), Changes::default());
    for stream in facts.chunk_by(|one, next| one.event.subject == next.event.subject) {
        fold_stream(stream, &nothing, before, &mut changes);
    }
    Ok(changes)
}

fn read(events: &[Envelope]) -> Result<Vec<Fact<'_>>, QueryError> {
    let read_one = |event| fact::read_one(event).map_err(|_| QueryError::Unreadable(event.subject));
    events.iter().map(read_one).collect()
}

/// The place of an event in the log.
struct Place {
    position: Position,
    /// Nothing before the first event.
    recorded_at: Option<DateTime<Utc>>,
}

/// The last event recorded until `time`. Positions and times ascend together, so it is found by halving, which takes no index
/// over times; in one statement, because there are twenty halves to a million events.
async fn last_until(log: &PgPool, time: DateTime<Utc>) -> Result<Place, QueryError> {
    let query = sqlx::query!(
        r#"with recursive search (low, high) as (
               select 0::bigint, position from log.head
               union all
               select case when reached then middle else low end, case when reached then high else middle - 1 end
               from search, lateral (select low + (high - low + 1) / 2 as middle) half,
                    lateral (select exists (select from log.events where position = middle and recorded_at <= $1) as reached
                             offset 0) event -- looked up once for both
               where low < high
           )
           select low as "position!", recorded_at as "recorded_at?"
           from search left join log.events on position = low where low = high"#,
        time,
    );
    let row = query.fetch_one(log).await?;
    Ok(Place { position: Position(row.position), recorded_at: row.recorded_at })
}

async fn at(log: &PgPool, position: Position) -> Result<Place, QueryError> {
    let query = sqlx::query_scalar!("select recorded_at from log.events where position = $1", position.0);
    Ok(Place { position, recorded_at: query.fetch_optional(log).await? })
}
