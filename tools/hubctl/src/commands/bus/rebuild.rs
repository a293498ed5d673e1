//! `hubctl bus rebuild`. A relay may run meanwhile: both publish the same events in the same order, and the fence lets
//! each event through once.

use std::process::ExitCode;

use anyhow::Context as _;
use event_bus::{Bus, BusError, publish::Tail, read::Extent};
use event_store::{EventStore, StoreError};
use indicatif::ProgressBar;
use schemas::Position;

use super::compare::{Comparison, compare, compare_within};
use crate::view;

/// Events published in one go.
const CHUNK: u32 = 512;

pub(super) async fn run(store: &EventStore, bus: &Bus, yes: bool) -> anyhow::Result<ExitCode> {
    let head = store.head().await?;
    anyhow::ensure!(
        yes,
        "nothing done: this deletes the stream and publishes {head} events again; add --yes"
    );
    bus.recreate_stream().await.context("making the stream anew")?;
    let proof = tokio::spawn(prove_early(store.clone(), bus.clone(), head));
    refill(store, bus, head, &view::progress("publishing")).await?;
    let found = match proof.await? {
        Some(proven) => proven,
        None => compare(store, bus, &view::progress("proving")).await?,
    };
    if let Some(difference) = found.difference {
        anyhow::bail!("refilled, but {difference}: does somebody else publish on this bus?");
    }
    anyhow::ensure!(
        found.log == found.bus && found.position >= head,
        "refilled, but not up to the log's head"
    );
    println!("the bus holds the log up to position {}\nsha256 of both {}", found.position, found.bus);
    Ok(ExitCode::SUCCESS)
}

/// Compares what goes out with the log while the rest still goes out; none where it is not all there, one after the other: then
/// the stream has to be looked at as it is in the end.
async fn prove_early(store: EventStore, bus: Bus, head: Position) -> Option<Comparison> {
    let extent = Extent { first: 1, last: head.0 as u64 };
    let found = compare_within(extent, &store, &bus, &ProgressBar::hidden()).await.ok()?;
    (found.difference.is_none() && found.position == head).then_some(found)
}

/// Publishes until the stream holds everything up to `head`.
async fn refill(store: &EventStore, bus: &Bus, head: Position, progress: &ProgressBar) -> anyhow::Result<()> {
    progress.set_length(head.0 as u64);
    let mut tail = bus.tail().await?;
    while tail.position < head {
        tail = match publish_after(tail, store, bus, progress).await? {
            // The relay was faster with some of them.
            Err(BusError::Fenced { .. }) => bus.tail().await?,
            published => published.context("publishing")?,
        };
    }
    progress.finish_and_clear();
    Ok(())
}

/// Publishes what follows `tail` in the log; the next events are read while these go out.
async fn publish_after(
    tail: Tail,
    store: &EventStore,
    bus: &Bus,
    progress: &ProgressBar,
) -> Result<Result<Tail, BusError>, StoreError> {
    let mut publisher = bus.publisher(tail);
    let mut events = store.read_all(tail.position, CHUNK).await?;
    while let Some(last) = events.last() {
        let (next, sent) = tokio::join!(store.read_all(last.position, CHUNK), publisher.send(&events));
        if let Err(error) = sent {
            return Ok(Err(error));
        }
        progress.set_position(publisher.acknowledged().position.0 as u64);
        events = next?;
    }
    Ok(publisher.flush().await)
}
