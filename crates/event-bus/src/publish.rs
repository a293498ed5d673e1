//! Publishing: pipelined, acknowledged, and fenced by the stream's expected last sequence, so that of two relays at most
//! one gets through. Where the bus stands is read from the stream itself.
//!
//! Messages form a chain: each one names the sequence and the message id that the stream must end with, and is refused
//! otherwise. So the acknowledgement of one message says that all before it are stored, and only some are asked for
//! (ADR 16).

use std::collections::VecDeque;

use async_nats::jetstream::{
    context::{PublishAckFuture, PublishErrorKind},
    message::PublishMessage,
};
use bytes::Bytes;
use crash_points::reach;
use schemas::{Envelope, EventId, Position, subject};

use crate::{
    Bus, BusError,
    headers::{self, MessageId},
    read,
};

/// How far from an end of the stream our event nearest to it is looked for.
const LOOK_BACK: u64 = 256;
/// Messages without an acknowledgement at a time: enough that the server is never idle, few enough that the
/// acknowledgement of the last one does not come too late.
const WINDOW: u64 = 1024;
/// Every so many messages an acknowledgement is asked for, beside those of the first and the last ones.
const ASK_EVERY: usize = 128;

/// The end of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The position of the last event on the bus.
    pub position: Position,
    /// Which event that is, so that another log's stream is recognised; `None` for a stream without events.
    pub id: Option<EventId>,
    /// The stream's last sequence. Only good for fencing: sequences are re-used after a crash.
    pub sequence: u64,
}

impl Bus {
    /// Where the bus stands, from the last event in the stream. Messages of others behind it are passed over.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] also for a missing stream; [`BusError::Foreign`] when too many messages of others lie
    /// behind our last one to look for it.
    pub async fn tail(&self) -> Result<Tail, BusError> {
        let stream = self.stream_with_info("reading the end of the stream").await?;
        let state = &stream.cached_info().state;
        let sequence = state.last_sequence;
        let oldest = state.first_sequence.max(1);
        let until = oldest.max(sequence.saturating_sub(LOOK_BACK - 1));
        for candidate in (until..=sequence).rev() {
            let Some(stored) = read::stored(&stream, candidate).await? else { continue };
            if let (Some(position), id @ Some(_)) = (stored.position, stored.id) {
                return Ok(Tail { position, id, sequence });
            }
        }
        if until > oldest { Err(BusError::Foreign) } else { Ok(Tail { sequence, ..Tail::default() }) }
    }

    /// The position of the oldest event in the stream. Messages of others before it are passed over, as far as behind the
    /// last one; `None` where there is no event of ours among them.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] also for a missing stream.
    pub async fn first_position(&self) -> Result<Option<Position>, BusError> {
        let stream = self.stream_with_info("reading the beginning of the stream").await?;
        let state = &stream.cached_info().state;
        let oldest = state.first_sequence.max(1);
        for candidate in oldest..=state.last_sequence.min(oldest + LOOK_BACK - 1) {
            let stored = read::stored(&stream, candidate).await?;
            if let Some(position) = stored.and_then(|stored| stored.position) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Publishes what follows `tail` in the log.
    #[must_use]
    pub fn publisher(&self, tail: Tail) -> Publisher {
        let (bus, ids) = (self.clone(), MessageId::Events);
        Publisher { bus, ids, last_id: None, sent: tail, acknowledged: tail, under_way: VecDeque::new() }
    }

    /// Publishes `events`, which follow `tail` in the log, and returns the new tail once the server has acknowledged that
    /// it stored every one of them.
    ///
    /// # Errors
    /// As [`Publisher::send`].
    pub async fn publish(&self, tail: Tail, events: &[Envelope]) -> Result<Tail, BusError> {
        let mut publisher = self.publisher(tail);
        publisher.send(events).await?;
        publisher.flush().await
    }
}

/// Publishing without a pause: the next events go out while the server still acknowledges the ones before. After an
/// error it is of no use any more: begin again from where the stream says it stands.
pub struct Publisher {
    bus: Bus,
    ids: MessageId,
    /// The id of the last message sent; `None` before the first, which the sequence alone fences: after a restart the server
    /// need not know the id of its last message.
    last_id: Option<String>,
    /// Where the stream ends once everything sent is stored.
    sent: Tail,
    acknowledged: Tail,
    /// The acknowledgements asked for, oldest first, and where the stream ends then.
    under_way: VecDeque<(Tail, PublishAckFuture)>,
}

impl Publisher {
    /// With message ids that the stream cannot remember: for what it lost a moment ago.
    #[must_use]
    pub fn afresh(self) -> Self {
        Self { ids: MessageId::Fresh, ..self }
    }

    /// Sends events that follow the ones sent before, waiting for the oldest acknowledgement wherever too many are
    /// outstanding.
    ///
    /// # Errors
    /// [`BusError::Fenced`] when the stream did not end where it was believed to, [`BusError::Remembered`] when it lost
    /// events that it takes for repetitions now; some of the events may be on it after any error.
    pub async fn send(&mut self, events: &[Envelope]) -> Result<(), BusError> {
        self.send_encoded(events, events.iter().map(payload).collect::<Result<_, _>>()?).await
    }

    /// As [`Publisher::send`], for whoever has the [`payload`] of each already.
    ///
    /// # Errors
    /// As [`Publisher::send`].
    pub async fn send_encoded(&mut self, events: &[Envelope], payloads: Vec<Bytes>) -> Result<(), BusError> {
        for (index, (event, payload)) in events.iter().zip(payloads).enumerate() {
            while self.sent.sequence.saturating_sub(self.acknowledged.sequence) >= WINDOW
                && !self.under_way.is_empty()
            {
                self.settle_oldest().await?;
            }
            // The first says whether the stream ends where it is believed to, the last that all are stored.
            let asks = self.last_id.is_none() || (index + 1) % ASK_EVERY == 0 || index + 1 == events.len();
            self.send_one(event, payload, asks).await?;
            reach("bus.sent");
        }
        Ok(())
    }

    async fn send_one(&mut self, event: &Envelope, payload: Bytes, asks: bool) -> Result<(), BusError> {
        let id = headers::message_id(event, self.sent.sequence, self.ids);
        let headers = headers::of(event, &id, self.sent, self.last_id.as_deref());
        let subject = subject::of(event);
        let sequence = self.sent.sequence + 1;
        self.sent = Tail { position: event.position, id: Some(event.id), sequence };
        self.last_id = Some(id);
        let sent = if asks {
            let message = PublishMessage::build().payload(payload).headers(headers);
            let sent = self.bus.jetstream().send_publish(subject, message).await;
            sent.map(|acknowledgement| self.under_way.push_back((self.sent, acknowledgement)))
                .map_err(Into::into)
        } else {
            self.bus.client().publish_with_headers(subject, headers, payload).await.map_err(Into::into)
        };
        sent.map_err(BusError::unavailable("publishing"))
    }

    /// Waits until the server has acknowledged everything.
    ///
    /// # Errors
    /// As [`Publisher::send`].
    pub async fn flush(&mut self) -> Result<Tail, BusError> {
        while !self.under_way.is_empty() {
            self.settle_oldest().await?;
        }
        Ok(self.acknowledged)
    }

    /// Up to here the server has acknowledged.
    #[must_use]
    pub const fn acknowledged(&self) -> Tail {
        self.acknowledged
    }

    async fn settle_oldest(&mut self) -> Result<(), BusError> {
        let Some((tail, acknowledgement)) = self.under_way.pop_front() else { return Ok(()) };
        let acknowledgement =
            acknowledgement.await.map_err(|error| refused(error, tail.sequence.saturating_sub(1)))?;
        if acknowledgement.duplicate && !self.is_stored(tail, acknowledgement.sequence).await? {
            return Err(BusError::Remembered);
        }
        // A de-duplicated message keeps its old sequence: whatever we believed, the server is right.
        self.acknowledged = Tail { sequence: acknowledgement.sequence, ..tail };
        if self.under_way.is_empty() {
            self.sent = self.acknowledged;
        }
        Ok(())
    }

    /// Whether the stream really holds what it calls a repetition: it remembers ids for two minutes, whatever became of
    /// their messages.
    async fn is_stored(&self, event: Tail, sequence: u64) -> Result<bool, BusError> {
        let stream = self.bus.stream("looking for a repeated event").await?;
        Ok(read::stored(&stream, sequence).await?.is_some_and(|stored| stored.id == event.id))
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sent, acknowledged, .. } = self;
        f.debug_struct("Publisher")
            .field("sent", sent)
            .field("acknowledged", acknowledged)
            .finish_non_exhaustive()
    }
}

/// The bytes of an event on the bus.
///
/// # Errors
/// Never for an event that was read from a log.
pub fn payload(event: &Envelope) -> Result<Bytes, BusError> {
    Ok(serde_json::to_vec(event).map_err(|error| BusError::unavailable("encoding")(error.into()))?.into())
}

fn refused(error: async_nats::jetstream::context::PublishError, expected: u64) -> BusError {
    match error.kind() {
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
            BusError::Fenced { expected }
        }
        _ => BusError::unavailable("awaiting an acknowledgement")(error.into()),
    }
}
