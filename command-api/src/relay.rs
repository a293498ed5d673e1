//! From the log to the bus. The relay keeps no checkpoint: the last message in the stream says where the bus stands, so
//! whatever the bus lost is published again. One process relays at a time; of two that believe they do, the stream's
//! expected last sequence lets one through.

use std::{convert::Infallible, time::Duration};

use event_bus::{Bus, BusError, publish::Tail};
use event_store::{EventStore, StoreError};
use futures::StreamExt as _;
use schemas::Position;
use subscription::{Leadership, Progress};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Events published in one go, all acknowledged before the next.
const CHUNK: u32 = 512;
/// How often the log is asked while no hint comes.
const POLL: Duration = Duration::from_millis(250);
/// How often the stream is compared with what we believe about it.
const COMPARE: Duration = Duration::from_secs(10);
/// Before trying again after an error.
const PAUSE: Duration = Duration::from_secs(1);
const STAGE: &str = "relay";

/// Publishes the log.
#[derive(Debug)]
pub struct Relay {
    store: EventStore,
    bus: Bus,
    progress: Progress,
}

/// What ends a run of the relay; the next run begins by asking the stream where it stands.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another process relays now")]
    Deposed,
    #[error("the stream ends at position {stream}, beyond the log's {log}: it belongs to another log")]
    Foreign { stream: Position, log: Position },
}

impl Relay {
    /// A relay from `store` to `bus`.
    #[must_use]
    pub fn new(store: EventStore, bus: Bus) -> Self {
        Self { store, bus, progress: Progress::new(STAGE) }
    }

    /// How far the bus has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Relays whenever this process leads, until it stops.
    ///
    /// # Errors
    /// Never: trouble is logged and tried again.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        while let Some(mut leadership) = Leadership::acquire(self.store.pool(), STAGE, &stop).await {
            tokio::select! {
                () = stop.cancelled() => {
                    leadership.release().await;
                    break;
                }
                Err(failure) = self.lead(&mut leadership) => {
                    let cause = format!("{:#}", anyhow::Error::from(failure));
                    tracing::warn!(cause, "the relay pauses");
                }
            }
            leadership.release().await;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn lead(&self, leadership: &mut Leadership) -> Result<Infallible, Failure> {
        self.bus.ensure_stream().await?;
        let mut hints = self.bus.appended_hints().await?;
        let mut appended = self.store.appended();
        let mut tail = self.find_tail().await?;
        let mut compare_at = Instant::now() + COMPARE;
        loop {
            tail = self.publish_after(tail).await?;
            tokio::select! {
                Some(()) = hints.next() => {}
                Ok(()) = appended.changed() => {}
                () = sleep(POLL) => {}
            }
            if Instant::now() >= compare_at {
                if !leadership.is_held().await {
                    return Err(Failure::Deposed);
                }
                self.bus.ensure_stream().await?;
                tail = self.find_tail().await?;
                compare_at = Instant::now() + COMPARE;
            }
        }
    }

    async fn find_tail(&self) -> Result<Tail, Failure> {
        let tail = self.bus.tail().await?;
        let head = self.store.head().await?;
        if tail.position > head {
            return Err(Failure::Foreign { stream: tail.position, log: head });
        }
        if tail.position < self.progress.position() {
            tracing::warn!(bus = %tail.position, published = %self.progress.position(), "the bus lost events; publishing them again");
        }
        self.progress.reset(tail.position);
        Ok(tail)
    }

    async fn publish_after(&self, mut tail: Tail) -> Result<Tail, Failure> {
        loop {
            let events = self.store.read_all(tail.position, CHUNK).await?;
            if events.is_empty() {
                return Ok(tail);
            }
            tail = self.bus.publish(tail, &events).await?;
            self.progress.reset(tail.position);
        }
    }
}
