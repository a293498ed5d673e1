//! The portions, written in parallel; then what is made once all rows are there.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::Context as _;
use crash_points::reach;
use event_store::read::streams::streams_between;
use futures::future::try_join_all;
use schemas::Position;
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{
    Observer, Rebuild, Step,
    fold::{FirstProjected, Streams},
    place::{self, PARTS},
    plan::{self, Build, Portion},
};
use crate::projection::contract::{REQUESTERS, STATISTICS, TIMELINE};

/// What workers share: each takes the next, until nothing is open or they are told to stop.
struct Open<'r, T> {
    /// The last one first.
    tasks: Mutex<Vec<T>>,
    stop: &'r CancellationToken,
}

impl<'r, T> Open<'r, T> {
    fn new(rebuild: &'r Rebuild, mut tasks: Vec<T>) -> Self {
        tasks.reverse();
        Self { tasks: Mutex::new(tasks), stop: &rebuild.stop }
    }

    fn next(&self) -> Option<T> {
        if self.stop.is_cancelled() { None } else { self.tasks().pop() }
    }

    /// Once nobody works any more: all is done.
    fn is_empty(&self) -> bool {
        self.tasks().is_empty()
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<T>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what is left of the build; false when it was told to stop.
pub(super) async fn run(rebuild: &Rebuild, build: &Build, observe: Observer<'_>) -> anyhow::Result<bool> {
    let (open, total) = plan::portions(&rebuild.pool, build.place).await?;
    let done = AtomicUsize::new(total - open.len());
    observe(Step::Portions { done: done.load(Ordering::Relaxed), of: total });
    let open = Open::new(rebuild, open);
    let worker = async || -> anyhow::Result<()> {
        let mut connection = rebuild.connection().await?;
        while let Some(portion) = open.next() {
            let started = Instant::now();
            write(rebuild, &mut connection, build, &portion).await?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            observe(Step::Portions { done, of: total });
            let rest = started.elapsed().mul_f32(rebuild.pace.rest);
            rebuild.stop.run_until_cancelled(tokio::time::sleep(rest)).await;
        }
        Ok(())
    };
    try_join_all((0..rebuild.pace.workers).map(|_| worker())).await?;
    if !open.is_empty() {
        return Ok(false);
    }
    observe(Step::Indexes);
    if !make_indexes(rebuild, build).await? {
        return Ok(false);
    }
    finish(rebuild, build).await?;
    Ok(true)
}

async fn write(
    rebuild: &Rebuild,
    connection: &mut PgConnection,
    build: &Build,
    portion: &Portion,
) -> anyhow::Result<()> {
    let events = streams_between(&mut *connection, &portion.first, &portion.last, build.through).await?;
    let first_projected = if build.projections.contains(&&TIMELINE) {
        first_projected(connection, &portion.first, &portion.last).await?
    } else {
        FirstProjected::new()
    };
    let streams = Streams { events, counted: Position::START, first_projected };
    let rows = streams.fold(&rebuild.keys).await?;
    let mut transaction = connection.begin().await?;
    rows.copy(&mut transaction, build.place.schema(), &build.projections).await?;
    plan::done(&mut transaction, build.place, portion.no).await?;
    reach("rebuild.copied");
    transaction.commit().await?;
    reach("rebuild.portion");
    Ok(())
}

async fn first_projected(
    connection: &mut PgConnection,
    first: &str,
    last: &str,
) -> Result<FirstProjected, sqlx::Error> {
    let rows = sqlx::query!(
        "select position, projected_at from projector.timeline where ticket_id between $1 and $2",
        first,
        last,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.position, row.projected_at)).collect())
}

/// Indexes, as many at once as there are workers, whichever tables they are of; false when it was told to stop.
async fn make_indexes(rebuild: &Rebuild, build: &Build) -> anyhow::Result<bool> {
    let mut connection = rebuild.connection().await?;
    let missing = place::missing_indexes(&mut connection, build.place, &build.projections).await?;
    let open = Open::new(rebuild, missing);
    let worker = async || -> anyhow::Result<()> {
        let mut connection = rebuild.connection().await?;
        while let Some(index) = open.next() {
            place::make_index(&mut connection, build.place, &index).await?;
        }
        Ok(())
    };
    try_join_all((0..rebuild.pace.workers).map(|_| worker())).await?;
    Ok(open.is_empty())
}

/// Keys, all tables at once, then the counters. What an interrupted run has done is not done again.
async fn finish(rebuild: &Rebuild, build: &Build) -> anyhow::Result<()> {
    let of_table = async |table| -> anyhow::Result<()> {
        Ok(place::index(&mut rebuild.connection().await?, build.place, table).await?)
    };
    try_join_all(build.projections.iter().map(|projection| of_table(projection.table))).await?;
    reach("rebuild.indexed");
    let mut connection = rebuild.connection().await?;
    let mut transaction = connection.begin().await?;
    add_up(&mut transaction, build).await.context("adding up the counters")?;
    plan::finish(&mut transaction, build.place).await?;
    Ok(transaction.commit().await?)
}

/// Adds what the portions counted to the counters, once; in the order of an index, so that cells that are read together lie
/// together, and neither table nor index is written all over.
pub(super) async fn add_up(connection: &mut PgConnection, build: &Build) -> Result<(), sqlx::Error> {
    let schema = build.place.schema();
    if build.projections.contains(&&STATISTICS) {
        let (table, parts) = (STATISTICS.table, format!("{schema}.{}{PARTS}", STATISTICS.table));
        let statement = format!(
            "insert into {schema}.{table} as s (grain, at, dimension, label, other, count)
             select grain, at, dimension, label, other, sum(count) from {parts}
             group by grain, at, dimension, label, other order by grain, dimension, at, label, other
             on conflict (grain, at, dimension, label, other) do update set count = s.count + excluded.count;
             delete from {parts}"
        );
        place::execute(connection, statement).await?;
    }
    if build.projections.contains(&&REQUESTERS) {
        let (table, parts) = (REQUESTERS.table, format!("{schema}.{}{PARTS}", REQUESTERS.table));
        let statement = format!(
            "insert into {schema}.{table} as r (requester_id, tickets, open_tickets, negative_tickets,
                                                reopened_tickets, first_ticket_at, last_ticket_at, last_number)
             select requester_id, sum(tickets), sum(open_tickets), sum(negative_tickets), sum(reopened_tickets),
                    min(first_ticket_at), max(last_ticket_at), max(last_number)
             from {parts} group by requester_id
             on conflict (requester_id) do update set
                 tickets = r.tickets + excluded.tickets,
                 open_tickets = r.open_tickets + excluded.open_tickets,
                 negative_tickets = r.negative_tickets + excluded.negative_tickets,
                 reopened_tickets = r.reopened_tickets + excluded.reopened_tickets,
                 first_ticket_at = least(r.first_ticket_at, excluded.first_ticket_at),
                 last_ticket_at = greatest(r.last_ticket_at, excluded.last_ticket_at),
                 last_number = greatest(r.last_number, excluded.last_number);
             delete from {parts}"
        );
        place::execute(connection, statement).await?;
    }
    Ok(())
}
