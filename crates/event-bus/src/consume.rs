//! Pulling messages and settling them. An acknowledgement is a hint to the server; what a stage has done stands in
//! Postgres.

use std::time::Duration;

use async_nats::jetstream::{self, AckKind, consumer::pull};
use futures::{StreamExt as _, stream::ReadyChunks};
use schemas::Envelope;

use crate::{Bus, BusError};

/// Messages asked for at a time; they arrive while the previous ones are worked on.
pub(crate) const BATCH: usize = 256;

/// The durable consumer of one stage.
pub struct Consumer {
    bus: Bus,
    stage: String,
    messages: ReadyChunks<pull::Stream>,
}

/// An event as the bus delivered it.
#[derive(Debug)]
pub struct Message {
    /// The event.
    pub envelope: Envelope,
    delivery: jetstream::Message,
}

impl Consumer {
    pub(crate) fn new(bus: Bus, stage: &str, messages: pull::Stream) -> Self {
        Self { bus, stage: stage.to_owned(), messages: messages.ready_chunks(BATCH) }
    }

    /// Whether the server still has this consumer, at a place where its stream can serve it. Where not, it stays silent
    /// for ever: make it anew. A server that is away answers no, at once.
    pub async fn is_sound(&self) -> bool {
        self.bus.is_connected() && matches!(self.bus.is_ahead(&self.stage).await, Ok(Some(false)))
    }

    /// Everything that has arrived, or whatever comes first within `wait`; empty when nothing comes. Messages that are
    /// not ours are terminated on the server and left out. Safe to cancel.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when the consumer or its stream is gone: make the consumer anew.
    pub async fn pull(&mut self, wait: Duration) -> Result<Vec<Message>, BusError> {
        let failed = |error| BusError::unavailable("pulling")(error);
        let Ok(arrived) = tokio::time::timeout(wait, self.messages.next()).await else {
            return Ok(vec![]);
        };
        let arrived = arrived.ok_or_else(|| failed("the consumer ended".into()))?;
        let mut messages = Vec::with_capacity(arrived.len());
        for delivery in arrived {
            messages.extend(Message::read(delivery.map_err(|error| failed(error.into()))?).await);
        }
        Ok(messages)
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Consumer").field(&self.stage).finish()
    }
}

impl Message {
    async fn read(delivery: jetstream::Message) -> Option<Self> {
        if let Ok(envelope) = serde_json::from_slice(&delivery.payload) {
            return Some(Self { envelope, delivery });
        }
        tracing::warn!(subject = %delivery.subject, "terminated a message that is not an event of ours");
        let _ = delivery.ack_with(AckKind::Term).await;
        None
    }

    /// The event is still being worked on: puts off its redelivery.
    pub async fn in_progress(&self) {
        // A lost one means one more delivery, which the checkpoint recognises.
        let _ = self.delivery.ack_with(AckKind::Progress).await;
    }

    /// The event is dealt with. Settling consumes the delivery.
    pub async fn ack(self) -> Envelope {
        // A lost acknowledgement means one more delivery, which the checkpoint recognises.
        let _ = self.delivery.ack().await;
        self.envelope
    }
}
