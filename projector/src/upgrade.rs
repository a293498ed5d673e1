//! A build that makes other rows than the one before finds tables it cannot go on with: it makes them anew from the log
//! before it follows the log again. Queries are answered from the old tables until then. A long log of which nothing is
//! projected yet is made up for in the same way.

use std::time::Duration;

use event_store::StoreError;
use schemas::Position;
use sqlx::PgPool;
use subscription::{Progress, checkpoint};
use tokio_util::sync::CancellationToken;

use crate::{
    projection::contract::{Contract, stage_of},
    rebuild::{Busy, Ended, Rebuild, Stopped, note_fresh, outdated, place::Place},
};

const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long a drift check may take to give way.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns once all of `projections`, which are of one stage, are of the version this build makes, or when told to stop.
pub async fn bring_up_to_date(
    pool: &PgPool,
    rebuild: &Rebuild,
    projections: &[&'static Contract],
    progress: &Progress,
    stop: &CancellationToken,
) {
    while !stop.is_cancelled() {
        match once(pool, rebuild, projections, progress).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) if error.is::<Stopped>() => {}
            Err(error) if error.is::<Busy>() => tracing::info!("a read model is being made anew already"),
            Err(error) => {
                progress.halt("the read model cannot be made anew from the log".to_owned());
                tracing::error!(cause = format!("{error:#}"), "cannot make the read model anew");
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN)).await;
    }
}

/// Whether nothing is left to do.
async fn once(
    pool: &PgPool,
    rebuild: &Rebuild,
    projections: &[&'static Contract],
    progress: &Progress,
) -> anyhow::Result<bool> {
    note_fresh(pool, projections).await?;
    if outdated(pool, projections).await?.is_empty() {
        return Ok(true);
    }
    let waiting = |busy: &Busy| tracing::info!(who = busy.who, "waiting for another rebuild");
    let _turn = rebuild.turn_within(PATIENCE, &waiting).await?;
    // Another process may have been faster.
    let projections = outdated(pool, projections).await?;
    if projections.is_empty() {
        return Ok(true);
    }
    let names: Vec<_> = projections.iter().map(|projection| projection.name).collect();
    tracing::info!(
        projections = names.join(", "),
        "of an older version, or none; making them anew from the log"
    );
    if anything_is_projected(pool, &projections).await? {
        progress.halt("the read model is being made anew by a newer version".to_owned());
    }
    if matches!(rebuild.build(Place::Next, &projections, &|_| {}).await?, Ended::Cancelled) {
        return Ok(false);
    }
    let position = rebuild.exchange(Place::Next).await?;
    tracing::info!(%position, "made anew");
    Ok(true)
}

/// What was never there is late, not halted.
async fn anything_is_projected(pool: &PgPool, projections: &[&'static Contract]) -> Result<bool, StoreError> {
    let position = checkpoint::position(pool, stage_of(projections)).await?;
    Ok(position.is_some_and(|position| position > Position::START))
}
