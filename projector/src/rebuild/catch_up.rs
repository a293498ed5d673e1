//! What happened since: the tickets it touched are folded once more, from their first event on, and replaced. The
//! same makes a part of the live tables anew.

use event_store::read::streams::{streams_of, touched_between};
use schemas::{Position, TicketId};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{
    Ended, Observer, Rebuild, Step, build,
    fold::{Built, FirstProjected, Streams},
    place::{self, LIVE},
    plan::{self, Build},
};
use crate::projection::contract::{
    Contract, LAST_CHANGES, SEARCH, SIMILAR, TICKETS, TIMELINE, is_whole_stage, stage_of,
};

/// Events caught up in one transaction.
const WINDOW: i64 = 4_000;
/// So near to the head that the rest can be done while the live projection waits.
const NEAR: i64 = 200;
/// Live tickets replaced while the live projection waits.
const LIVE_PORTION: usize = 200;

/// Comes near to where it may go.
pub(super) async fn to_head(
    rebuild: &Rebuild,
    mut build: Build,
    observe: Observer<'_>,
) -> anyhow::Result<Ended> {
    let mut connection = rebuild.connection().await?;
    place::create_parts(&mut connection, build.place).await?;
    loop {
        if rebuild.stop.is_cancelled() {
            return Ok(Ended::Cancelled);
        }
        let to = goal(&mut connection, &build.projections).await?;
        if to.0 - build.through.0 <= NEAR {
            return Ok(Ended::Built(build));
        }
        observe(Step::CatchUp { at: build.through, to });
        window(rebuild, &mut connection, &mut build, to).await?;
    }
}

/// Comes to exactly this position, if it is ahead.
pub(super) async fn to(
    rebuild: &Rebuild,
    connection: &mut PgConnection,
    build: &mut Build,
    to: Position,
) -> anyhow::Result<()> {
    while build.through < to {
        rebuild.go_on()?;
        window(rebuild, connection, build, to).await?;
    }
    Ok(())
}

/// How far a build of these may go: to the head of the log; but without the rest of their stage not beyond that one's
/// checkpoint. The exchange brings the checkpoint to where the build is, and the rest would never see what lies between.
pub(super) async fn goal(
    connection: &mut PgConnection,
    projections: &[&'static Contract],
) -> Result<Position, sqlx::Error> {
    if is_whole_stage(projections) {
        Ok(Position(
            sqlx::query_scalar!(r#"select position as "position!" from log.head"#)
                .fetch_one(connection)
                .await?,
        ))
    } else {
        checkpoint(connection, stage_of(projections)).await
    }
}

/// Where the live projections of a stage are.
pub(super) async fn checkpoint(connection: &mut PgConnection, stage: &str) -> Result<Position, sqlx::Error> {
    let query = sqlx::query_scalar!("select position from subscription.checkpoints where name = $1", stage);
    Ok(Position(query.fetch_optional(connection).await?.unwrap_or_default()))
}

/// One transaction's worth on the way to `to`.
async fn window(
    rebuild: &Rebuild,
    connection: &mut PgConnection,
    build: &mut Build,
    to: Position,
) -> anyhow::Result<()> {
    let to = to.min(Position(build.through.0 + WINDOW));
    let tickets = touched_between(&mut *connection, build.through, to).await?;
    let rows = fold(rebuild, connection, &tickets, build.through, to).await?;
    let mut transaction = connection.begin().await?;
    replace(&mut transaction, build.place.schema(), &build.projections, &tickets, rows).await?;
    build::add_up(&mut transaction, build).await?;
    plan::come_to(&mut transaction, build.place, to).await?;
    transaction.commit().await?;
    build.through = to;
    Ok(())
}

/// Folds the tickets up to `through`; what is after `counted` goes to the counters.
async fn fold(
    rebuild: &Rebuild,
    connection: &mut PgConnection,
    tickets: &[TicketId],
    counted: Position,
    through: Position,
) -> anyhow::Result<Built> {
    let events = streams_of(&mut *connection, tickets, through).await?;
    let first_projected = first_projected(connection, tickets).await?;
    Streams { events, counted, first_projected }.fold(&rebuild.keys).await
}

async fn first_projected(
    connection: &mut PgConnection,
    tickets: &[TicketId],
) -> Result<FirstProjected, sqlx::Error> {
    let rows = sqlx::query!(
        "select position, projected_at from projector.timeline where ticket_id = any($1)",
        &ids(tickets),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.position, row.projected_at)).collect())
}

fn ids(tickets: &[TicketId]) -> Vec<String> {
    tickets.iter().map(TicketId::to_string).collect()
}

/// Puts `rows` in the place of whatever the tables hold of these tickets.
async fn replace(
    connection: &mut PgConnection,
    schema: &str,
    projections: &[&'static Contract],
    tickets: &[TicketId],
    rows: Built,
) -> anyhow::Result<()> {
    for contract in [&TICKETS, &TIMELINE, &SIMILAR, &SEARCH] {
        let key = if *contract == TICKETS { "id" } else { "ticket_id" };
        if projections.contains(&contract) {
            let statement = format!("delete from {schema}.{} where {key} = any($1)", contract.table);
            sqlx::query(AssertSqlSafe(statement)).bind(ids(tickets)).execute(&mut *connection).await?;
        }
    }
    if projections.contains(&&LAST_CHANGES) {
        rows.last_changes.delete(connection, schema).await?;
    }
    rows.copy(connection, schema, projections).await
}

/// Replaces the live rows of these tickets, a portion at a time and stage by stage. The counters stay: they hold the differences of what
/// was projected, not of what stands in the rows.
pub(super) async fn live_tickets(rebuild: &Rebuild, tickets: &[TicketId]) -> anyhow::Result<()> {
    let mut connection = rebuild.connection().await?;
    for projections in [&[&TICKETS, &LAST_CHANGES, &TIMELINE, &SIMILAR][..], &[&SEARCH]] {
        for portion in tickets.chunks(LIVE_PORTION) {
            rebuild.go_on()?;
            let mut transaction = connection.begin().await?;
            let through = hold_checkpoint(&mut transaction, stage_of(projections)).await?;
            let rows = fold(rebuild, &mut transaction, portion, through, through).await?;
            replace(&mut transaction, LIVE, projections, portion, rows).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

/// The position of the live projections of a stage, which wait from here to the end of the transaction.
pub(super) async fn hold_checkpoint(
    connection: &mut PgConnection,
    stage: &str,
) -> Result<Position, sqlx::Error> {
    let position = sqlx::query_scalar!(
        "insert into subscription.checkpoints (name) values ($1)
         on conflict (name) do update set name = excluded.name returning position",
        stage,
    );
    Ok(Position(position.fetch_one(connection).await?))
}
