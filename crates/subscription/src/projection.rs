//! Effects that commit together with the checkpoint: exactly once by construction. A projection that meets an event it
//! cannot apply stops there and says so; a wrong read model is worse than a late one.

use std::convert::Infallible;

use crash_points::reach;
use schemas::{Envelope, Position};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::{
    checkpoint,
    failure::Failure,
    leadership::lead,
    source::Source,
    stage::{BATCH, Progress, SWEEP, Stage},
};

/// Events applied in one transaction while far behind: what each transaction costs hardly counts any more.
const PORTION: u32 = 2_000;

/// A read model, or a work list, that is a function of the log.
pub trait Projection: Send + Sync {
    /// Applies events in the order of the log, in a transaction that also holds the checkpoint. It has no way to call
    /// out: all it gets is the connection.
    fn apply(
        &self,
        connection: &mut PgConnection,
        events: &[Envelope],
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Waits until events up to `through` may be applied: at once, unless a projection is of no use before another one.
    fn may_apply(&self, through: Position) -> impl Future<Output = ()> + Send {
        let _ = through;
        std::future::ready(())
    }
}

/// Runs a projection until the process stops.
///
/// # Errors
/// Never: trouble is logged, shown in `progress`, and tried again.
pub async fn run(
    stage: Stage,
    projection: impl Projection,
    progress: Progress,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    lead(&stage, &progress, &stop, || follow(&stage, &projection, &progress)).await;
    Ok(())
}

async fn follow(
    stage: &Stage,
    projection: &impl Projection,
    progress: &Progress,
) -> Result<Infallible, Failure> {
    let mut cursor = checkpoint::load(stage.store.pool(), stage.name).await?.position;
    progress.reset(cursor);
    cursor = catch_up(stage, projection, progress, cursor).await?;
    let mut source = Source::new(stage.clone());
    loop {
        let batch = source.next(cursor, SWEEP).await?;
        let full = batch.events.len() == BATCH as usize;
        reach("projection.read");
        cursor = batch.held_during(apply(stage, projection, cursor, &batch.events)).await?;
        progress.reset(cursor);
        batch.settle().await;
        reach("projection.settled");
        if full {
            cursor = catch_up(stage, projection, progress, cursor).await?;
        }
    }
}

/// Far behind, reads the log in large portions, each while the one before is applied.
async fn catch_up(
    stage: &Stage,
    projection: &impl Projection,
    progress: &Progress,
    mut cursor: Position,
) -> Result<Position, Failure> {
    let mut events = stage.store.read_all(cursor, PORTION).await?;
    while events.len() == PORTION as usize {
        let last = events.last().map_or(cursor, |event| event.position);
        let (applied, next) =
            tokio::join!(apply(stage, projection, cursor, &events), stage.store.read_all(last, PORTION));
        cursor = applied?;
        progress.reset(cursor);
        events = next?;
    }
    Ok(cursor)
}

async fn apply(
    stage: &Stage,
    projection: &impl Projection,
    cursor: Position,
    events: &[Envelope],
) -> Result<Position, Failure> {
    let Some(last) = events.last() else { return Ok(cursor) };
    projection.may_apply(last.position).await;
    let mut transaction = stage.store.pool().begin().await?;
    // The checkpoint first: its row is the lock that whoever exchanges the read model waits for, before anything else is
    // locked; and a stage that was overtaken stops before it does any work.
    checkpoint::advance(&mut transaction, stage.name, cursor, last.position).await??;
    reach("projection.advanced");
    let applied = projection.apply(&mut transaction, events).await;
    applied.map_err(|source| Failure::Apply { after: cursor, source })?;
    reach("projection.applied");
    transaction.commit().await?;
    reach("projection.committed");
    Ok(last.position)
}
