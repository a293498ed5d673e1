//! JetStream, the cache of the log.
//!
//! Reading order:
//! - [`headers`]: what a message says beside its event
//! - [`topology`]: the stream and the durable consumers, checked against what the server really made
//! - `settings`: what the stream must be
//! - [`publish`]: fenced, pipelined publishing, and where the bus stands
//! - [`consume`]: pulling messages and settling them
//! - [`read`]: the stream message by message, holes included
//! - [`digest`]: one number for a run of events, to prove log and bus equal
//! - [`copy`]: copies for others, never on our own subjects
//! - [`hint`]: "something was appended", so that nobody has to poll fast

pub mod consume;
pub mod copy;
pub mod digest;
pub mod headers;
pub mod hint;
pub mod publish;
pub mod read;
mod settings;
pub mod topology;

use std::time::Duration;

use async_nats::{ConnectOptions, jetstream};

pub use consume::{Consumer, Message};
pub use digest::Digest;

/// A connection to the bus. Cheap to clone; it reconnects by itself for ever.
#[derive(Clone, Debug)]
pub struct Bus {
    client: async_nats::Client,
    jetstream: jetstream::Context,
}

/// A request to the bus failed. Whatever it was, the log is untouched and the request can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No server, or no answer in time.
    #[error("the bus is unavailable: {0}")]
    Unavailable(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else published since we looked: we are not the relay, or no longer.
    #[error("the stream moved on: expected its last sequence to be {expected}")]
    Fenced {
        /// The sequence this publisher believed to be the last.
        expected: u64,
    },
    /// The stream lost events and takes them for repetitions when they come again.
    #[error("the stream lost events that it remembers the ids of")]
    Remembered,
    /// The server made something else of what it was asked for.
    #[error(
        "the server did not keep the setting {0}: is it too old, or was the stream made by somebody else?"
    )]
    Misconfigured(&'static str),
    /// Somebody else publishes on our subjects.
    #[error("the stream ends with too many messages that are not ours")]
    Foreign,
    /// Copies of events would be taken for events of the log.
    #[error("this subject or stream is the hub's own, or no name to publish to")]
    Reserved,
}

impl BusError {
    /// Wraps whatever the client library reports.
    pub(crate) fn unavailable(
        during: &'static str,
    ) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Unavailable(during, source)
    }
}

impl Bus {
    /// How long any one request to the server may take.
    const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

    /// Connects to `url` under a name that shows in the server's monitoring.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] while no server answers; the caller decides how to wait.
    pub async fn connect(url: &str, name: &str) -> Result<Self, BusError> {
        Self::with(ConnectOptions::new(), url, name).await
    }

    /// The same, but returns at once and goes on trying in the background: for processes that can work without a bus.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] for a URL that can never work.
    pub async fn connect_in_background(url: &str, name: &str) -> Result<Self, BusError> {
        Self::with(ConnectOptions::new().retry_on_initial_connect(), url, name).await
    }

    async fn with(options: ConnectOptions, url: &str, name: &str) -> Result<Self, BusError> {
        let client = options
            .name(name)
            .request_timeout(Some(Self::REQUEST_TIMEOUT))
            .connection_timeout(Self::REQUEST_TIMEOUT)
            .connect(url)
            .await
            .map_err(|error| BusError::unavailable("connecting")(error.into()))?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(Self::REQUEST_TIMEOUT)
            // A publisher keeps its own window; this is only the library's own ceiling.
            .max_ack_inflight(4096)
            .build(client.clone());
        Ok(Self { client, jetstream })
    }

    /// Whether a server answers right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// The plain NATS connection, for subjects beside the stream.
    pub(crate) const fn client(&self) -> &async_nats::Client {
        &self.client
    }

    pub(crate) const fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }
}
