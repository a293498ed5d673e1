//! Whether two read models are equal, at one position: the live one is read in a snapshot, and the other one is brought
//! to the position of that snapshot.

use std::time::Duration;

use anyhow::Context as _;
use schemas::Position;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::{
    Observer, Rebuild, Step, Stopped,
    catch_up::{self, checkpoint},
    place::{self, LIVE, Place},
    plan,
};
use crate::projection::contract::{Contract, STATISTICS, TICKETS, stage_of};

/// How long the live projection may take to come to where the other one is.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Differing tickets that are named.
const NAMED: i64 = 5;

/// What a table holds, in short: equal rows in any order have equal digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Rows.
    pub rows: i64,
    /// Of all of them.
    pub sum: String,
}

/// A projection, live and made anew.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which.
    pub projection: &'static Contract,
    /// What readers see.
    pub live: Digest,
    /// What the log says.
    pub anew: Digest,
}

/// Two read models at one position.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Both hold the log up to here.
    pub position: Position,
    /// One by one.
    pub projections: Vec<Compared>,
    /// The first tickets whose rows differ.
    pub tickets: Vec<String>,
}

impl Comparison {
    /// Whether every projection is equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.projections.iter().all(|compared| compared.live == compared.anew)
    }
}

pub(super) async fn compare(
    rebuild: &Rebuild,
    place: Place,
    observe: Observer<'_>,
) -> anyhow::Result<Comparison> {
    let mut build = plan::load(&rebuild.pool, place).await?.context("nothing stands there")?;
    let mut live = rebuild.connection().await?;
    let stage = stage_of(&build.projections);
    wait_for_live(rebuild, &mut live, stage, build.through).await?;
    let mut snapshot = live.begin_with("begin isolation level repeatable read, read only").await?;
    let position = checkpoint(&mut snapshot, stage).await?;
    let mut anew = rebuild.connection().await?;
    catch_up::to(rebuild, &mut anew, &mut build, position).await?;
    observe(Step::Compare);
    let mut projections = vec![];
    for projection in &build.projections {
        rebuild.go_on()?;
        let mut live = digest(&mut snapshot, LIVE, projection).await?;
        if *projection == &TICKETS {
            live.sum += &unlisted(&mut snapshot).await?;
        }
        let anew = digest(&mut anew, place.schema(), projection).await?;
        projections.push(Compared { projection, live, anew });
    }
    let mut comparison = Comparison { position, projections, tickets: vec![] };
    if !comparison.is_equal() && build.projections.contains(&&TICKETS) {
        rebuild.go_on()?;
        comparison.tickets = differing(&mut snapshot, place).await?;
    }
    Ok(comparison)
}

async fn wait_for_live(
    rebuild: &Rebuild,
    connection: &mut PgConnection,
    stage: &str,
    wanted: Position,
) -> anyhow::Result<()> {
    let waiting = async {
        while checkpoint(connection, stage).await? < wanted {
            tokio::time::sleep(ASK_EVERY).await;
        }
        anyhow::Ok(())
    };
    let arrived = rebuild.stop.run_until_cancelled(tokio::time::timeout(PATIENCE, waiting)).await;
    arrived
        .ok_or(Stopped)?
        .with_context(|| format!("the live projection does not come to position {wanted}: does it run?"))?
}

/// Of what is a function of the log: neither when an event was first projected, nor counters that are back at nothing.
async fn digest(
    connection: &mut PgConnection,
    schema: &str,
    projection: &Contract,
) -> Result<Digest, sqlx::Error> {
    let columns = function_of_the_log(connection, projection.table).await?;
    let rows = if *projection == STATISTICS { "where count <> 0" } else { "" };
    let statement = format!(
        "select count(*), coalesce(sum(hashtextextended(held::text, 0)::numeric), 0)::text
         from (select {columns} from {schema}.{} {rows}) held",
        projection.table
    );
    let row = sqlx::query(AssertSqlSafe(statement)).fetch_one(connection).await?;
    Ok(Digest { rows: row.try_get(0)?, sum: row.try_get(1)? })
}

/// Lists by several labels find only tickets whose combination is listed: one that is not is as good as a ticket that is not
/// there, and so part of the digest. Empty where all are listed.
async fn unlisted(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let count = sqlx::query_scalar!(
        r#"select count(distinct label_set) as "count!" from projector.tickets held
           where not exists (select from projector.label_sets listed where listed.label_set = held.label_set)"#
    );
    let count = count.fetch_one(connection).await?;
    Ok(if count == 0 { String::new() } else { format!(", {count} combinations of labels not listed") })
}

async fn function_of_the_log(connection: &mut PgConnection, table: &str) -> Result<String, sqlx::Error> {
    let columns = place::columns(connection, LIVE, table).await?;
    let names = columns.into_iter().map(|(name, _)| name).filter(|name| name != "projected_at");
    Ok(names.collect::<Vec<_>>().join(", "))
}

async fn differing(connection: &mut PgConnection, place: Place) -> Result<Vec<String>, sqlx::Error> {
    let columns = function_of_the_log(connection, TICKETS.table).await?;
    let (table, other) = (TICKETS.table, place.schema());
    let statement = format!(
        "select id from (select {columns} from {LIVE}.{table}) live
         full join (select {columns} from {other}.{table}) anew using (id)
         where live::text is distinct from anew::text order by id limit {NAMED}"
    );
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(connection).await
}
