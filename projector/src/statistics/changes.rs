//! Differences of counters, gathered over a batch, by time.

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use sqlx::PgConnection;

use super::{
    count::{Count, counts_of},
    requester::{RequesterChange, Share},
};
use crate::{queries::timed, read_model::Ticket};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Which time a counter is about, named as the column (explained in the migration).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Grain {
    All,
    Day,
    Hour,
    Change,
    ChangeDay,
}

/// Seconds since 1970.
type Seconds = i64;

/// What a ticket counts for at some point of its life.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Vec<Count>,
    share: Share,
}

/// By how much counters change.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    cells: HashMap<Count, HashMap<(Grain, Seconds), i64>>,
    requesters: HashMap<String, RequesterChange>,
}

/// A changed counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Cell {
    pub grain: &'static str,
    pub at: DateTime<Utc>,
    pub count: Count,
    pub change: i64,
}

impl Tally {
    /// Of a ticket as it is now.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self { counts: counts_of(ticket), share: Share::of(ticket) }
    }
}

/// The hour an event belongs to.
#[must_use]
pub const fn hour_of(time: DateTime<Utc>) -> Seconds {
    begin(time, HOUR)
}

const fn begin(time: DateTime<Utc>, length: i64) -> Seconds {
    time.timestamp().div_euclid(length) * length
}

impl Changes {
    /// The ticket, which counted for `before`, counts for `now`, by events of this hour.
    pub fn record(&mut self, ticket: &Ticket, hour: Seconds, before: &Tally, now: &Tally) {
        let times = [
            (Grain::All, 0),
            (Grain::Day, begin(ticket.created_at, DAY)),
            (Grain::Hour, begin(ticket.created_at, HOUR)),
            (Grain::Change, hour),
            (Grain::ChangeDay, hour.div_euclid(DAY) * DAY),
        ];
        for left in before.counts.iter().filter(|count| !now.counts.contains(count)) {
            self.add(left, times, -1);
        }
        for entered in now.counts.iter().filter(|count| !before.counts.contains(count)) {
            self.add(entered, times, 1);
        }
        let share = now.share.minus(before.share);
        if share != Share::default() {
            let change = RequesterChange::by(ticket, share);
            match self.requesters.get_mut(&ticket.requester_id) {
                Some(sum) => sum.add(&change),
                None => drop(self.requesters.insert(ticket.requester_id.clone(), change)),
            }
        }
    }

    fn add(&mut self, count: &Count, times: [(Grain, Seconds); 5], change: i64) {
        if !self.cells.contains_key(count) {
            self.cells.insert(count.clone(), HashMap::default());
        }
        let Some(cells) = self.cells.get_mut(count) else { return };
        for time in times {
            if matches!(time.0, Grain::Change | Grain::ChangeDay) && count.is_personal() {
                continue;
            }
            *cells.entry(time).or_default() += change;
        }
    }

    /// The counters that change, in the order of their primary key, so that writers lock them in one order.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let of = |(count, times): (&Count, &HashMap<(Grain, Seconds), i64>)| {
            let times = times.iter().filter(|(_, change)| **change != 0);
            let cells = times.map(|((grain, at), change)| Cell {
                grain: grain.name(),
                at: DateTime::from_timestamp(*at, 0).unwrap_or_default(),
                count: count.clone(),
                change: *change,
            });
            cells.collect::<Vec<_>>()
        };
        let mut cells: Vec<_> = self.cells.iter().flat_map(of).collect();
        cells.sort_unstable();
        cells
    }

    /// The requesters that change, by id.
    #[must_use]
    pub fn requesters(&self) -> Vec<(&str, &RequesterChange)> {
        let mut requesters: Vec<_> =
            self.requesters.iter().map(|(id, change)| (id.as_str(), change)).collect();
        requesters.sort_unstable_by_key(|(id, _)| *id);
        requesters
    }

    /// Adds everything to the counters.
    pub(crate) async fn save(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        save_cells(connection, &self.cells()).await?;
        save_requesters(connection, &self.requesters()).await
    }
}

impl Grain {
    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Change => "change",
            Self::ChangeDay => "change-day",
        }
    }
}

async fn save_cells(connection: &mut PgConnection, cells: &[Cell]) -> anyhow::Result<()> {
    if cells.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Cell) -> &str| cells.iter().map(|cell| of(cell).to_owned()).collect::<Vec<_>>();
    let query = sqlx::query!(
        "insert into projector.statistics (grain, at, dimension, label, other, count)
         select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[])
         on conflict (grain, at, dimension, label, other)
         do update set count = statistics.count + excluded.count",
        &column(|cell| cell.grain),
        &cells.iter().map(|cell| cell.at).collect::<Vec<_>>(),
        &column(|cell| cell.count.dimension),
        &column(|cell| &cell.count.label),
        &column(|cell| &cell.count.other),
        &cells.iter().map(|cell| cell.change).collect::<Vec<_>>(),
    );
    timed("upsert", "statistics", query.execute(connection)).await?;
    Ok(())
}

async fn save_requesters(
    connection: &mut PgConnection,
    requesters: &[(&str, &RequesterChange)],
) -> anyhow::Result<()> {
    if requesters.is_empty() {
        return Ok(());
    }
    let number = |of: fn(&RequesterChange) -> i64| -> Vec<i64> {
        requesters.iter().map(|(_, change)| of(change)).collect()
    };
    let time = |of: fn(&RequesterChange) -> DateTime<Utc>| -> Vec<DateTime<Utc>> {
        requesters.iter().map(|(_, change)| of(change)).collect()
    };
    let query = sqlx::query!(
        "insert into projector.requesters as r
             (requester_id, tickets, open_tickets, negative_tickets, reopened_tickets, first_ticket_at,
              last_ticket_at, last_number)
         select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                              $6::timestamptz[], $7::timestamptz[], $8::bigint[])
         on conflict (requester_id) do update set
             tickets = r.tickets + excluded.tickets,
             open_tickets = r.open_tickets + excluded.open_tickets,
             negative_tickets = r.negative_tickets + excluded.negative_tickets,
             reopened_tickets = r.reopened_tickets + excluded.reopened_tickets,
             first_ticket_at = least(r.first_ticket_at, excluded.first_ticket_at),
             last_ticket_at = greatest(r.last_ticket_at, excluded.last_ticket_at),
             last_number = greatest(r.last_number, excluded.last_number)",
        &requesters.iter().map(|(id, _)| (*id).to_owned()).collect::<Vec<_>>(),
        &number(|change| change.share.tickets),
        &number(|change| change.share.open),
        &number(|change| change.share.negative),
        &number(|change| change.share.reopened),
        &time(|change| change.first_ticket_at),
        &time(|change| change.last_ticket_at),
        &number(|change| change.last_number),
    );
    timed("upsert", "requesters", query.execute(connection)).await?;
    Ok(())
}
