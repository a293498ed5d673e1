//! What is to be done, kept in the database so that a rebuild that was interrupted goes on where it stopped.

use anyhow::Context as _;
use event_store::StoreError;
use schemas::Position;
use sqlx::{PgConnection, PgPool};

use super::{
    Rebuild, catch_up,
    place::{self, Place},
};
use crate::projection::contract::{Contract, every};

/// What stands, or shall stand, in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Where.
    pub place: Place,
    /// Which projections.
    pub projections: Vec<&'static Contract>,
    /// Whether all of them are of the versions this build of the hub makes.
    pub current: bool,
    /// From the log up to here.
    pub through: Position,
    /// It is whole.
    pub finished: bool,
}

/// Tickets that are written in one transaction.
#[derive(Clone, Debug)]
pub(super) struct Portion {
    pub(super) no: i32,
    pub(super) first: String,
    pub(super) last: String,
}

/// What stands in `place`, if anything does.
///
/// # Errors
/// When the database cannot be asked, or something unknown stands there.
pub async fn load(pool: &PgPool, place: Place) -> anyhow::Result<Option<Build>> {
    let row = sqlx::query!(
        r#"select projections, versions, through, finished_at is not null as "finished!"
           from projector.builds where schema = $1"#,
        place.schema(),
    );
    let Some(row) = row.fetch_optional(pool).await? else { return Ok(None) };
    let known = |name: &String| every().find(|projection| projection.name == name);
    let projections: Option<Vec<_>> = row.projections.iter().map(known).collect();
    let projections = projections.context("a projection of another build of the hub stands there")?;
    let current = projections.iter().map(|projection| projection.version).eq(row.versions);
    Ok(Some(Build { place, projections, current, through: Position(row.through), finished: row.finished }))
}

/// The build that stands in `place` if it is of the same projections, or else a new one.
pub(super) async fn start_or_resume(
    rebuild: &Rebuild,
    place: Place,
    projections: &[&'static Contract],
) -> anyhow::Result<Build> {
    if let Some(build) = load(&rebuild.pool, place).await.unwrap_or_default()
        && build.current
        && build.projections == projections
    {
        return Ok(build);
    }
    rebuild.discard(place).await?;
    let mut connection = rebuild.connection().await?;
    let through = catch_up::goal(&mut connection, projections).await?;
    let mut transaction = sqlx::Connection::begin(&mut connection).await?;
    place::create(&mut transaction, place, projections).await?;
    insert(&mut transaction, place, projections, through).await?;
    split(&mut transaction, place, through, rebuild.pace.portion).await?;
    transaction.commit().await?;
    let projections = projections.to_vec();
    Ok(Build { place, projections, current: true, through, finished: false })
}

async fn insert(
    connection: &mut PgConnection,
    place: Place,
    projections: &[&'static Contract],
    through: Position,
) -> Result<(), StoreError> {
    let names: Vec<String> = projections.iter().map(|projection| projection.name.to_owned()).collect();
    let versions: Vec<i32> = projections.iter().map(|projection| projection.version).collect();
    let query = sqlx::query!(
        "insert into projector.builds (schema, projections, versions, through) values ($1, $2, $3, $4)",
        place.schema(),
        &names,
        &versions,
        through.0,
    );
    query.execute(connection).await?;
    Ok(())
}

/// Splits the tickets into portions of equal size.
async fn split(
    connection: &mut PgConnection,
    place: Place,
    through: Position,
    portion: i64,
) -> Result<(), StoreError> {
    let query = sqlx::query!(
        "insert into projector.build_chunks (schema, no, first, last)
         select $1, (n - 1) / $2, min(stream_id), max(stream_id)
         from (select stream_id, row_number() over (order by stream_id) as n
               from log.events where version = 1 and position <= $3) ticket
         group by (n - 1) / $2",
        place.schema(),
        portion,
        through.0,
    );
    query.execute(connection).await?;
    Ok(())
}

/// The portions that are not done, and how many there are in all.
pub(super) async fn portions(pool: &PgPool, place: Place) -> Result<(Vec<Portion>, usize), sqlx::Error> {
    let all = sqlx::query!(
        "select no, first, last, done from projector.build_chunks where schema = $1 order by no",
        place.schema(),
    )
    .fetch_all(pool)
    .await?;
    let total = all.len();
    let open = all.into_iter().filter(|row| !row.done);
    Ok((open.map(|row| Portion { no: row.no, first: row.first, last: row.last }).collect(), total))
}

/// Marks a portion as done, in the transaction that writes it.
pub(super) async fn done(connection: &mut PgConnection, place: Place, no: i32) -> Result<(), sqlx::Error> {
    let query = sqlx::query!(
        "update projector.build_chunks set done = true where schema = $1 and no = $2",
        place.schema(),
        no,
    );
    query.execute(connection).await.map(drop)
}

/// Notes that the build is whole.
pub(super) async fn finish(connection: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let query = sqlx::query!(
        "update projector.builds set finished_at = clock_timestamp() where schema = $1",
        place.schema(),
    );
    query.execute(connection).await.map(drop)
}

/// Notes how far the build has come, in the transaction that brings it there.
pub(super) async fn come_to(
    connection: &mut PgConnection,
    place: Place,
    through: Position,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query!(
        "update projector.builds set through = $2 where schema = $1",
        place.schema(),
        through.0,
    );
    query.execute(connection).await.map(drop)
}

/// Nothing stands there any more.
pub(super) async fn forget(connection: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("delete from projector.builds where schema = $1", place.schema());
    query.execute(connection).await.map(drop)
}
