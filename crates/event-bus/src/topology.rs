//! The stream and the durable consumers. The server answers with what it really made, and nats-server 2.9 drops
//! silently what it does not know, so the answer is compared with the request.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use schemas::subject;

use crate::{
    Bus, BusError,
    consume::{self, Consumer},
};

/// De-duplication by message id: an optimisation for the relay's retries, never a guarantee.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// A message not settled for so long is delivered again.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages a consumer may hold unsettled.
const MAX_ACK_PENDING: i64 = 4096;

impl Bus {
    /// Makes the stream if it is missing.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when the server keeps other settings than ours.
    pub async fn ensure_stream(&self) -> Result<(), BusError> {
        let config = Config {
            name: subject::STREAM.to_owned(),
            subjects: vec![subject::ALL.to_owned()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            // Never drop an old message to make room: a full bus must say so.
            discard: DiscardPolicy::New,
            duplicate_window: DUPLICATE_WINDOW,
            allow_direct: true,
            description: Some("Cache of the event log; hubctl refills it from Postgres".to_owned()),
            ..Config::default()
        };
        let stream = self
            .jetstream()
            .get_or_create_stream(config)
            .await
            .map_err(|error| BusError::unavailable("making the stream")(error.into()))?;
        let kept = &stream.cached_info().config;
        if kept.subjects != [subject::ALL] {
            return Err(BusError::Misconfigured("subjects"));
        }
        if kept.storage != StorageType::File {
            return Err(BusError::Misconfigured("storage"));
        }
        Ok(())
    }

    /// The durable pull consumer of a stage, made if it is missing.
    ///
    /// # Errors
    /// As [`BusError`]; also while the stream itself is missing.
    pub async fn consumer(&self, stage: &str) -> Result<Consumer, BusError> {
        let config = pull::Config {
            durable_name: Some(stage.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_ACK_PENDING,
            deliver_policy: DeliverPolicy::All,
            ..pull::Config::default()
        };
        let failed = |error| BusError::unavailable("making the consumer")(error);
        let stream = self
            .jetstream()
            .get_stream_no_info(subject::STREAM)
            .await
            .map_err(|error| failed(error.into()))?;
        let consumer =
            stream.get_or_create_consumer(stage, config).await.map_err(|error| failed(error.into()))?;
        if consumer.cached_info().config.ack_policy != AckPolicy::Explicit {
            return Err(BusError::Misconfigured("ack_policy"));
        }
        let messages = consumer
            .stream()
            .max_messages_per_batch(consume::BATCH)
            .messages()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(Consumer::new(messages))
    }
}
