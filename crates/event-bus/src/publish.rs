//! Publishing: pipelined, every server acknowledgement awaited, and fenced by the stream's expected last sequence, so
//! that of two relays at most one gets through. Where the bus stands is read from the stream itself.

use std::future::IntoFuture as _;

use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage};
use bytes::Bytes;
use futures::future::try_join_all;
use schemas::{Envelope, EventId, Position, subject};

use crate::{Bus, BusError, headers, read};

/// How far back from the end of the stream the last event of ours is looked for.
const LOOK_BACK: u64 = 256;

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

    /// Publishes `events`, which follow `tail` in the log, and returns the new tail once the server has acknowledged
    /// every one of them.
    ///
    /// # Errors
    /// [`BusError::Fenced`] when the stream does not end at `tail`; some of the events may be on it after any error.
    pub async fn publish(&self, tail: Tail, events: &[Envelope]) -> Result<Tail, BusError> {
        let mut acknowledgements = Vec::with_capacity(events.len());
        let mut tail = tail;
        for event in events {
            let message = PublishMessage::build().payload(payload(event)?).headers(headers::of(
                event,
                tail.position,
                tail.sequence,
            ));
            let sent = self
                .jetstream()
                .send_publish(subject::of(event), message)
                .await
                .map_err(|error| BusError::unavailable("publishing")(error.into()))?;
            let expected = tail.sequence;
            acknowledgements
                .push(async move { sent.into_future().await.map_err(|error| refused(error, expected)) });
            tail = Tail { position: event.position, id: Some(event.id), sequence: tail.sequence + 1 };
        }
        let acknowledged = try_join_all(acknowledgements).await?;
        // A de-duplicated message keeps its old sequence: whatever we believed, the server is right.
        Ok(acknowledged.last().map_or(tail, |ack| Tail { sequence: ack.sequence, ..tail }))
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
    if error.kind() == PublishErrorKind::WrongLastSequence {
        BusError::Fenced { expected }
    } else {
        BusError::unavailable("awaiting an acknowledgement")(error.into())
    }
}
