//! One read model takes the place of the live one, in one transaction. It holds the stage's checkpoint from the
//! beginning, so the live projection waits; then it catches up the last events, and only then it locks the tables, for as
//! long as it takes to rename them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use crash_points::reach;
use schemas::Position;
use sqlx::{Connection as _, PgConnection, PgPool};

use super::{
    Rebuild, catch_up,
    place::{self, LIVE, Place},
    plan::{self, Build},
};
use crate::projection::contract::{Contract, is_whole_stage, stage_of};

/// While it waits for readers to finish, new ones wait behind it: it gives up and tries again.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(200);
/// Events of a log that nothing is projected of: so many take seconds one by one, and half as long at once.
const LONG_LOG: i64 = 20_000;
/// SQLSTATE of a lock that was not granted in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

pub(super) async fn run(rebuild: &Rebuild, place: Place) -> anyhow::Result<Position> {
    let mut left = TRIES;
    loop {
        left -= 1;
        match once(rebuild, place).await {
            Err(error) if left > 0 && is_lock_timeout(&error) => tokio::time::sleep(BETWEEN).await,
            ended => return ended,
        }
    }
}

fn is_lock_timeout(error: &anyhow::Error) -> bool {
    let database = error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>());
    database
        .and_then(sqlx::Error::as_database_error)
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

async fn once(rebuild: &Rebuild, place: Place) -> anyhow::Result<Position> {
    let mut build = plan::load(&rebuild.pool, place).await?.context("nothing stands there")?;
    ensure!(build.finished, "what stands there is not whole");
    ensure!(build.current, "what stands there is of another version than this build of the hub makes");
    let mut connection = rebuild.connection().await?;
    let mut transaction = connection.begin().await?;
    same_columns(&mut transaction, &build).await?;
    place::create_parts(&mut transaction, place).await?;
    let live = catch_up::hold_checkpoint(&mut transaction, stage_of(&build.projections)).await?;
    let takes_along = is_whole_stage(&build.projections) || build.through <= live;
    ensure!(takes_along, "the live projection is behind what stands there");
    catch_up::to(rebuild, &mut transaction, &mut build, live).await?;
    place::execute(&mut transaction, "set local lock_timeout = '1s'".to_owned()).await?;
    rebuild.go_on()?;
    let previous = place::previous_of(stage_of(&build.projections));
    place::exchange(&mut transaction, place, previous, &build.projections).await?;
    remember(&mut transaction, &build, previous, live).await?;
    reach("rebuild.exchanged");
    transaction.commit().await?;
    Ok(build.through)
}

/// A migration may have changed the live tables since the others were made.
async fn same_columns(connection: &mut PgConnection, build: &Build) -> anyhow::Result<()> {
    for Contract { name, table, .. } in &build.projections {
        let live = place::columns(connection, LIVE, table).await?;
        let other = place::columns(connection, build.place.schema(), table).await?;
        ensure!(live == other, "the columns of {name} have changed since: rebuild it");
    }
    Ok(())
}

/// Notes what stands where from now on, and moves the checkpoint to it where it is ahead.
async fn remember(
    connection: &mut PgConnection,
    build: &Build,
    previous: Place,
    replaced_at: Position,
) -> Result<(), sqlx::Error> {
    let names: Vec<String> = build.projections.iter().map(|projection| projection.name.to_owned()).collect();
    let versions: Vec<i32> = build.projections.iter().map(|projection| projection.version).collect();
    plan::forget(connection, build.place).await?;
    plan::forget(connection, previous).await?;
    sqlx::query!(
        "insert into projector.builds (schema, projections, versions, through, finished_at)
         select $1, $2, array_agg(coalesce(v.version, 0) order by p.no), $3, clock_timestamp()
         from unnest($2::text[]) with ordinality p (name, no)
         left join projector.versions v on v.projection = p.name",
        previous.schema(),
        &names,
        replaced_at.0,
    )
    .execute(&mut *connection)
    .await?;
    note_versions(connection, &names, &versions, build.through).await?;
    sqlx::query!(
        "update subscription.checkpoints set position = $2, attempts = 0, updated_at = clock_timestamp()
         where name = $1 and position < $2",
        stage_of(&build.projections),
        build.through.0,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn note_versions(
    connection: &mut PgConnection,
    names: &[String],
    versions: &[i32],
    through: Position,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query!(
        "insert into projector.versions (projection, version, through)
         select *, $3 from unnest($1::text[], $2::integer[])
         on conflict (projection) do update
         set version = excluded.version, through = excluded.through, built_at = clock_timestamp()",
        names,
        versions,
        through.0,
    );
    query.execute(connection).await.map(drop)
}

/// Notes, where nothing was projected yet and the log is short, that the live tables are of the versions this build makes.
pub(super) async fn note_fresh(pool: &PgPool, projections: &[&'static Contract]) -> Result<(), sqlx::Error> {
    let names: Vec<String> = projections.iter().map(|projection| projection.name.to_owned()).collect();
    let versions: Vec<i32> = projections.iter().map(|projection| projection.version).collect();
    let query = sqlx::query!(
        "insert into projector.versions (projection, version, through)
         select *, 0 from unnest($1::text[], $2::integer[])
         where not exists (select from subscription.checkpoints where name = $3 and position > 0)
           and (select position from log.head) < $4
         on conflict do nothing",
        &names,
        &versions,
        stage_of(projections),
        LONG_LOG,
    );
    query.execute(pool).await.map(drop)
}
