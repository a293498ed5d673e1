//! The next events after a cursor. Positions have no gaps, so the source knows at once what the bus did not bring, and
//! reads it from the log. What the bus did bring is handed out only if the log holds the same: the stream may be from before
//! the log was restored, and whoever reaches the bus can write to it.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use event_bus::{Bus, Consumer, Message, topology::ACK_WAIT};
use event_store::StoreError;
use schemas::{Envelope, Position};

use crate::{
    failure::Failure,
    stage::{BATCH, POLL, SWEEP, Stage},
};

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
            sweep_at: Instant::now(),
            connect_after: None,
            bus_is_away: false,
        }
    }

    /// What comes after `cursor`; empty when nothing came within `patience` (at most [`SWEEP`]).
    ///
    /// # Errors
    /// When the log cannot be read, or ends before `cursor`; trouble with the bus only makes it slower. Safe to cancel.
    pub(crate) async fn next(&mut self, cursor: Position, patience: Duration) -> Result<Batch, Failure> {
        // A bus that trickles, perhaps only what is known already, says nothing about what it does not bring.
        let sweeps = Instant::now() >= self.sweep_at;
        if sweeps {
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
            if sweeps {
                self.is_in_the_log(cursor).await?;
            }
        }
        let Some(mut messages) = self.pull(cursor, patience.min(SWEEP)).await else {
            self.behind = true;
            return Ok(Batch::default());
        };
        messages.sort_by_key(|message| message.envelope.position);
        messages.dedup_by_key(|message| message.envelope.position);
        let mut events = new_events(&messages, cursor);
        if !self.may_hand_out(&events, cursor).await? {
            self.behind = true;
            events.clear();
        }
        Ok(Batch { events, deliveries: messages })
    }

    /// Whether these follow the cursor without a gap, and are the log's. Where not, the log is read.
    async fn may_hand_out(&self, events: &[Envelope], cursor: Position) -> Result<bool, StoreError> {
        let stage = self.stage.name;
        let contiguous =
            events.iter().zip(cursor.0 + 1..).all(|(event, expected)| event.position.0 == expected);
        if !contiguous {
            tracing::info!(stage, %cursor, "the bus has a gap; reading the log");
            return Ok(false);
        }
        let held = events.is_empty() || self.stage.store.holds(events).await?;
        if !held {
            tracing::warn!(stage, %cursor, "the bus brought what the log does not hold; reading the log");
        }
        Ok(held)
    }

    /// A cursor beyond the log would pass over what comes to stand there.
    async fn is_in_the_log(&self, cursor: Position) -> Result<(), Failure> {
        let head = self.stage.store.head().await?;
        if cursor > head {
            return Err(Failure::BeyondTheLog { stage: self.stage.name, at: cursor, head });
        }
        Ok(())
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
