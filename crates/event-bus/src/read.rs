//! Reading the stream message by message, holes included. A consumer brings the messages fastest, but it says nothing about
//! what it cannot read, and a damaged block may silence it for good: from the first message it leaves out, each one is
//! asked for by its sequence.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream::{DirectGetErrorKind, Stream as Jetstream},
    },
};
use bytes::Bytes;
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use schemas::{EventId, Position};

use crate::{Bus, BusError, headers};

/// Requests under way at a time.
const IN_FLIGHT: usize = 256;
/// Messages a consumer brings ahead of whoever reads them.
const AHEAD: usize = 1024;
/// A consumer that brings nothing for this long leaves something out.
const SILENCE: Duration = Duration::from_secs(1);

/// A message as the stream keeps it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The place the position header names; `None` in a message that is not ours.
    pub position: Option<Position>,
    /// The event the message id names; `None` in a message that is not ours.
    pub id: Option<EventId>,
    /// The exact bytes.
    pub payload: Bytes,
}

impl Stored {
    fn of(headers: &HeaderMap, payload: Bytes) -> Self {
        Self { position: headers::position(headers), id: headers::event_id(headers), payload }
    }
}

/// The sequences a stream holds; empty when `first` is greater than `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Of the oldest message.
    pub first: u64,
    /// Of the newest message.
    pub last: u64,
}

impl Extent {
    /// How many sequences that is, holes included.
    #[must_use]
    pub const fn len(self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// Whether the stream holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Bus {
    /// What the stream holds now, by its own word.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] also for a missing stream.
    pub async fn extent(&self) -> Result<Extent, BusError> {
        let stream = self.stream_with_info("asking for the stream's extent").await?;
        let state = &stream.cached_info().state;
        Ok(Extent { first: state.first_sequence.max(1), last: state.last_sequence })
    }

    /// How many messages between its oldest and its newest the stream itself knows to be missing. Damage that it has not
    /// noticed does not count.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] also for a missing stream.
    pub async fn known_holes(&self) -> Result<u64, BusError> {
        let stream = self.stream_with_info("asking for holes").await?;
        let state = &stream.cached_info().state;
        let extent = Extent { first: state.first_sequence.max(1), last: state.last_sequence };
        Ok(extent.len().saturating_sub(state.messages))
    }

    /// Every message of `extent` in order, with its sequence; `None` where the stream has none, or cannot read it.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] for a missing stream, and in place of a message when the server does not answer.
    pub async fn messages(
        &self,
        extent: Extent,
    ) -> Result<impl Stream<Item = Result<(u64, Option<Stored>), BusError>> + Send + use<>, BusError> {
        let stream = self.stream_with_info("reading the stream").await?;
        let from = if extent.is_empty() {
            Source::Requests(stream::empty().boxed())
        } else {
            Source::Consumer(Box::new(delivered(&stream, extent.first).await?))
        };
        let reading = Reading { stream, next: extent.first, last: extent.last, from };
        Ok(stream::unfold(reading, async |mut reading| Some((reading.message().await?, reading))))
    }
}

type Item = Result<(u64, Option<Stored>), BusError>;

/// What remains to be read, and where from.
struct Reading {
    stream: Jetstream,
    next: u64,
    last: u64,
    from: Source,
}

enum Source {
    Consumer(Box<pull::Stream>),
    Requests(BoxStream<'static, Item>),
}

impl Reading {
    async fn message(&mut self) -> Option<Item> {
        if self.next > self.last {
            return None;
        }
        if let Source::Consumer(messages) = &mut self.from {
            if let Some(stored) = delivered_at(self.next, messages).await {
                self.next += 1;
                return Some(Ok((self.next - 1, Some(stored))));
            }
            self.from = Source::Requests(requests(self.stream.clone(), self.next..=self.last));
        }
        match &mut self.from {
            Source::Requests(messages) => messages.next().await,
            Source::Consumer(_) => None,
        }
    }
}

/// The messages from sequence `first` on, as long as nothing is wrong with them.
async fn delivered(stream: &Jetstream, first: u64) -> Result<pull::Stream, BusError> {
    let failed = |error| BusError::unavailable("reading the stream")(error);
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
        ack_policy: AckPolicy::None,
        inactive_threshold: 10 * SILENCE,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|error| failed(error.into()))?;
    let messages = consumer.stream().max_messages_per_batch(AHEAD).messages().await;
    messages.map_err(|error| failed(error.into()))
}

/// The message of this sequence, if it is the next one that the consumer brings.
async fn delivered_at(sequence: u64, messages: &mut pull::Stream) -> Option<Stored> {
    let message = tokio::time::timeout(SILENCE, messages.next()).await.ok()??.ok()?;
    if message.info().ok()?.stream_sequence != sequence {
        return None;
    }
    let message = message.message;
    Some(Stored::of(&message.headers.unwrap_or_default(), message.payload))
}

fn requests(stream: Jetstream, sequences: std::ops::RangeInclusive<u64>) -> BoxStream<'static, Item> {
    let requests = stream::iter(sequences).map(move |sequence| {
        let stream = stream.clone();
        async move { Ok((sequence, stored(&stream, sequence).await?)) }
    });
    requests.buffered(IN_FLIGHT).boxed()
}

/// One message; `None` where there is none.
pub(crate) async fn stored<I: Sync>(
    stream: &Jetstream<I>,
    sequence: u64,
) -> Result<Option<Stored>, BusError> {
    match stream.direct_get(sequence).await {
        Ok(message) => Ok(Some(Stored::of(&message.headers, message.payload))),
        Err(error) => match error.kind() {
            // A status other than "not found" is the answer for a record that fails its checksum.
            DirectGetErrorKind::NotFound | DirectGetErrorKind::ErrorResponse(..) => Ok(None),
            _ => Err(BusError::unavailable("reading a message")(error.into())),
        },
    }
}
