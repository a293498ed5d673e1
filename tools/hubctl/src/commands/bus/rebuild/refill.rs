//! From the log into the empty stream. What is read is summed up on the way, so that the proof has to read the stream only.

use anyhow::Context as _;
use bytes::Bytes;
use event_bus::{
    Bus, BusError, Digest,
    publish::{Tail, payload},
};
use event_store::EventStore;
use indicatif::ProgressBar;
use schemas::{Envelope, Position};

/// Events published in one go.
const CHUNK: u32 = 512;

/// What the stream must hold.
pub(super) struct Refilled {
    /// Up to here.
    pub(super) position: Position,
    /// The digest of the log up to there.
    pub(super) sha256: String,
}

/// Publishes until the stream holds everything up to `head`, and whatever was summed up beyond it.
pub(super) async fn refill(
    store: &EventStore,
    bus: &Bus,
    head: Position,
    progress: &ProgressBar,
) -> anyhow::Result<Refilled> {
    progress.set_length(head.0 as u64);
    let mut log = Log { store, digest: Digest::default(), summed_up: Position::START };
    let mut tail = bus.tail().await?;
    loop {
        log.sum_up_to(tail.position).await?;
        if tail.position >= head.max(log.summed_up) {
            break;
        }
        tail = match publish_after(tail, &mut log, bus, progress).await? {
            // The relay was faster with some of them.
            Err(BusError::Fenced { .. }) => bus.tail().await?,
            published => published.context("publishing")?,
        };
    }
    progress.finish_and_clear();
    Ok(Refilled { position: log.summed_up, sha256: log.digest.finish() })
}

/// Publishes what follows `tail` in the log; the next events are read while these go out.
async fn publish_after(
    tail: Tail,
    log: &mut Log<'_>,
    bus: &Bus,
    progress: &ProgressBar,
) -> anyhow::Result<Result<Tail, BusError>> {
    let mut publisher = bus.publisher(tail);
    let mut events = log.read(tail.position).await?;
    while let Some(last) = events.last() {
        let payloads = log.sum_up(&events)?;
        let (next, sent) = tokio::join!(log.read(last.position), publisher.send_encoded(&events, payloads));
        if let Err(error) = sent {
            return Ok(Err(error));
        }
        progress.set_position(publisher.acknowledged().position.0 as u64);
        events = next?;
    }
    Ok(publisher.flush().await)
}

/// The log, with the digest of what was read of it from its beginning.
struct Log<'a> {
    store: &'a EventStore,
    digest: Digest,
    summed_up: Position,
}

impl Log<'_> {
    async fn read(&self, after: Position) -> anyhow::Result<Vec<Envelope>> {
        Ok(self.store.read_all(after, CHUNK).await?)
    }

    /// Sums up what the relay published.
    async fn sum_up_to(&mut self, position: Position) -> anyhow::Result<()> {
        while self.summed_up < position {
            let events = self.read(self.summed_up).await?;
            anyhow::ensure!(!events.is_empty(), "the log ends before position {position}");
            self.sum_up(&events)?;
        }
        Ok(())
    }

    /// The bytes of these events on the bus; those of them that come next are added to the digest.
    fn sum_up(&mut self, events: &[Envelope]) -> Result<Vec<Bytes>, BusError> {
        let payloads = events.iter().map(payload).collect::<Result<Vec<_>, _>>()?;
        for (event, payload) in events.iter().zip(&payloads) {
            if event.position == self.summed_up.next() {
                self.digest.add(event.position, event.id, payload);
                self.summed_up = event.position;
            }
        }
        Ok(payloads)
    }
}
