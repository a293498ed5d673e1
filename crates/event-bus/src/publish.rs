//! Publishing: pipelined, every server acknowledgement awaited, and fenced by the stream's expected last sequence, so
//! that of two relays at most one gets through. Where the bus stands is read from the stream itself.

use std::future::IntoFuture as _;

use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage};
use futures::future::try_join_all;
use schemas::{Envelope, Position, subject};

use crate::{Bus, BusError, headers};

/// The end of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The position of the last event on the bus.
    pub position: Position,
    /// The sequence JetStream gave it. Only good for fencing: sequences are re-used after a crash.
    pub sequence: u64,
}

impl Bus {
    /// Where the bus stands, from the last message in the stream.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] also for a missing stream; [`BusError::Foreign`] when somebody else published on it.
    pub async fn tail(&self) -> Result<Tail, BusError> {
        let failed = |error| BusError::unavailable("reading the end of the stream")(error);
        let stream =
            self.jetstream().get_stream(subject::STREAM).await.map_err(|error| failed(error.into()))?;
        let sequence = stream.cached_info().state.last_sequence;
        if stream.cached_info().state.messages == 0 {
            return Ok(Tail { position: Position::START, sequence });
        }
        let last = stream.get_raw_message(sequence).await.map_err(|error| failed(error.into()))?;
        Ok(Tail { position: headers::position(Some(&last.headers))?, sequence })
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
            let message = PublishMessage::build()
                .payload(
                    serde_json::to_vec(event)
                        .map_err(|e| BusError::unavailable("encoding")(e.into()))?
                        .into(),
                )
                .headers(headers::of(event, tail.position, tail.sequence));
            let sent = self
                .jetstream()
                .send_publish(subject::of(event), message)
                .await
                .map_err(|error| BusError::unavailable("publishing")(error.into()))?;
            let expected = tail.sequence;
            acknowledgements
                .push(async move { sent.into_future().await.map_err(|error| refused(error, expected)) });
            tail = Tail { position: event.position, sequence: tail.sequence + 1 };
        }
        let acknowledged = try_join_all(acknowledgements).await?;
        // A de-duplicated message keeps its old sequence: whatever we believed, the server is right.
        Ok(acknowledged.last().map_or(tail, |ack| Tail { sequence: ack.sequence, ..tail }))
    }
}

fn refused(error: async_nats::jetstream::context::PublishError, expected: u64) -> BusError {
    if error.kind() == PublishErrorKind::WrongLastSequence {
        BusError::Fenced { expected }
    } else {
        BusError::unavailable("awaiting an acknowledgement")(error.into())
    }
}
