//! `hubctl bus rebuild`. A relay may run meanwhile: both publish the same events in the same order, and the fence lets
//! each event through once.

use std::process::ExitCode;

use anyhow::Context as _;
use event_bus::{Bus, BusError, publish::Tail};
use event_store::{EventStore, StoreError};
use indicatif::ProgressBar;
use schemas::Position;

use super::compare::compare;
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
    refill(store, bus, head, &view::progress("publishing")).await?;
    let found = compare(store, bus, &view::progress("proving")).await?;
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
