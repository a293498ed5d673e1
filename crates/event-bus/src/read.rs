//! Reading the stream message by message, holes included. Each message is asked for by its sequence: a consumer says
//! nothing about what it cannot read, and a damaged block may silence it for good.

use async_nats::jetstream::stream::{DirectGetErrorKind, Stream as Jetstream};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use schemas::{EventId, Position};

use crate::{Bus, BusError, headers};

/// Requests under way at a time.
const IN_FLIGHT: usize = 256;

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
        let source = self.stream_with_info("reading the stream").await?;
        let requests = stream::iter(extent.first..=extent.last).map(move |sequence| {
            let source = source.clone();
            async move { Ok((sequence, stored(&source, sequence).await?)) }
        });
        Ok(requests.buffered(IN_FLIGHT))
    }
}

/// One message; `None` where there is none.
pub(crate) async fn stored<I: Sync>(
    stream: &Jetstream<I>,
    sequence: u64,
) -> Result<Option<Stored>, BusError> {
    match stream.direct_get(sequence).await {
        Ok(message) => Ok(Some(Stored {
            position: headers::position(&message.headers),
            id: headers::event_id(&message.headers),
            payload: message.payload,
        })),
        Err(error) => match error.kind() {
            // A status other than "not found" is the answer for a record that fails its checksum.
            DirectGetErrorKind::NotFound | DirectGetErrorKind::ErrorResponse(..) => Ok(None),
            _ => Err(BusError::unavailable("reading a message")(error.into())),
        },
    }
}
