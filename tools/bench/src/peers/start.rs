//! Opening the peers.

use sqlx_08::{PgPool, postgres::PgPoolOptions};

use super::{Peer, cqrs_es, disintegrate, esrs};
use crate::{bed::Bed, table::Table};

/// As many connections as the machine makes use of, for each of them: more only add contention.
const POOL: u32 = 16;

pub(super) async fn all(bed: &Bed, table: &mut Table) -> anyhow::Result<Vec<Box<dyn Peer>>> {
    let mut peers: Vec<Box<dyn Peer>> = vec![];
    let mut keep = |name: &str, opened: anyhow::Result<Box<dyn Peer>>| match opened {
        Ok(peer) => peers.push(peer),
        Err(error) => table.note(format!("{name} does not run here: {error:#}")),
    };
    keep("esrs", esrs::open(pool(bed, "esrs").await?).await);
    keep("cqrs-es", cqrs_es::open(pool(bed, "cqrs_es").await?).await);
    keep("disintegrate", disintegrate::open(pool(bed, "disintegrate").await?).await);
    Ok(peers)
}

async fn pool(bed: &Bed, database: &str) -> anyhow::Result<PgPool> {
    bed.postgres.create_database(database).await?;
    Ok(PgPoolOptions::new().max_connections(POOL).connect(&bed.postgres.url(database)).await?)
}
