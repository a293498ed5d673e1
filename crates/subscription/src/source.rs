//! The next events after a cursor. Positions have no gaps, so the source knows at once what the bus did not bring, and
//! reads it from the log.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use event_bus::{Bus, Consumer, Message, topology::ACK_WAIT};
use event_store::StoreError;
use schemas::{Envelope, Position};

use crate::stage::{BATCH, POLL, SWEEP, Stage};

/// How often the bus hears that a batch is still being worked on: well within [`ACK_WAIT`].
const STILL_WORKING: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 3);

/// Contiguous events after the cursor they were asked for.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of the log, without a gap.
    pub events: Vec<Envelope>,
    deliveries: Vec<Message>,
}

impl Batch {
    /// Does `work` on the batch and keeps the bus from delivering it again meanwhile.
    pub(crate) async fn held_during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(STILL_WORKING, &mut work).await {
                return done;
            }
            for delivery in &self.deliveries {
                delivery.in_progress().await;
            }
        }
    }

    /// Everything in it is done (or noted): tells the bus.
    pub async fn settle(self) {
        for delivery in self.deliveries {
            delivery.ack().await;
        }
    }
}

/// Reads for one stage.
#[derive(Debug)]
pub struct Source {
    stage: Stage,
    consumer: Option<Consumer>,
    /// The log is known, or suspected, to hold more than the bus brought.
    behind: bool,
    /// When the log and the consumer are looked at whatever the bus brings.
    sweep_at: Instant,
    connect_after: Option<Instant>,
    /// Said once, not every second.
    bus_is_away: bool,
}

impl Source {
    /// Starts from the log: what the bus kept from before is only faster.
    #[must_use]
    pub fn new(stage: Stage) -> Self {
        Self {
            stage,
            consumer: None,
            behind: true,
            sweep_at: Instant::now() + SWEEP,
            connect_after: None,
            bus_is_away: false,
        }
    }

    /// What comes after `cursor`; empty when nothing came within `patience` (at most [`SWEEP`]).
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read; trouble with the bus only makes it slower. Safe to cancel.
    pub async fn next(&mut self, cursor: Position, patience: Duration) -> Result<Batch, StoreError> {
        // A bus that trickles, perhaps only what is known already, says nothing about what it does not bring.
        if Instant::now() >= self.sweep_at {
            self.sweep_at = Instant::now() + SWEEP;
            self.behind = true;
            self.drop_unsound_consumer().await;
        }
        if self.behind {
            let events = self.stage.store.read_all(cursor, BATCH).await?;
            self.behind = events.len() == BATCH as usize;
            if !events.is_empty() {
                return Ok(Batch { events, deliveries: vec![] });
            }
        }
        let Some(mut messages) = self.pull(cursor, patience.min(SWEEP)).await else {
            self.behind = true;
            return Ok(Batch::default());
        };
        messages.sort_by_key(|message| message.envelope.position);
        messages.dedup_by_key(|message| message.envelope.position);
        let follows = messages.iter().map(|m| m.envelope.position).filter(|position| *position > cursor);
        let contiguous = follows.zip(cursor.0 + 1..).all(|(found, expected)| found.0 == expected);
        if !contiguous {
            tracing::info!(stage = self.stage.name, %cursor, "the bus has a gap; reading the log");
            self.behind = true;
        }
        let events = if contiguous { new_events(&messages, cursor) } else { vec![] };
        Ok(Batch { events, deliveries: messages })
    }

    /// `None` when nothing came, for whatever reason: then the log is asked.
    async fn pull(&mut self, cursor: Position, patience: Duration) -> Option<Vec<Message>> {
        if self.consumer.is_none() {
            self.consumer = self.connect(cursor).await;
        }
        let Some(consumer) = &mut self.consumer else {
            tokio::time::sleep(patience.min(POLL)).await;
            return None;
        };
        match consumer.pull(patience).await {
            Ok(messages) if messages.is_empty() => None,
            Ok(messages) => Some(messages),
            Err(error) => {
                tracing::warn!(stage = self.stage.name, %error, "lost the consumer; reading the log meanwhile");
                self.consumer = None;
                None
            }
        }
    }

    async fn drop_unsound_consumer(&mut self) {
        let Some(consumer) = &self.consumer else { return };
        if !consumer.is_sound().await {
            tracing::warn!(
                stage = self.stage.name,
                "the bus cannot serve the consumer any more; making it anew"
            );
            self.consumer = None;
        }
    }

    async fn connect(&mut self, cursor: Position) -> Option<Consumer> {
        if self.connect_after.is_some_and(|earliest| Instant::now() < earliest) {
            return None;
        }
        self.connect_after = Some(Instant::now() + POLL);
        let name = self.stage.name;
        let connected =
            async { Bus::connect(&self.stage.nats_url, name).await?.consumer(name, cursor).await }.await;
        match &connected {
            Ok(_) => tracing::info!(stage = name, "consuming from the bus"),
            Err(error) if !self.bus_is_away => {
                tracing::warn!(stage = name, %error, "no bus; reading the log meanwhile");
            }
            Err(_) => {}
        }
        self.bus_is_away = connected.is_err();
        connected.ok()
    }
}

fn new_events(messages: &[Message], cursor: Position) -> Vec<Envelope> {
    messages
        .iter()
        .map(|message| &message.envelope)
        .filter(|event| event.position > cursor)
        .cloned()
        .collect()
}
