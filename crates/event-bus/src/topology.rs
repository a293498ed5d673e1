//! The stream and the durable consumers. The server answers with what it really made, and nats-server 2.9 drops
//! silently what it does not know, so the answer is compared with the request.

use std::time::Duration;

use async_nats::jetstream::{
    ErrorCode,
    consumer::{AckPolicy, DeliverPolicy, pull},
    context::{ConsumerInfoErrorKind, CreateStreamErrorKind, DeleteStreamErrorKind},
    stream::{Config, Stream},
};
use schemas::{Position, subject};

use crate::{
    Bus, BusError,
    consume::{self, Consumer},
    settings,
};

/// A message not settled for so long is delivered again.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages a consumer may hold unsettled.
const MAX_ACK_PENDING: i64 = 4096;

impl Bus {
    /// Makes the stream if it is missing, and puts its settings right where they were altered.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when the server keeps other settings than ours.
    pub async fn ensure_stream(&self) -> Result<(), BusError> {
        let stream = self
            .jetstream()
            .get_or_create_stream(settings::wanted())
            .await
            .map_err(|error| BusError::unavailable("making the stream")(error.into()))?;
        let kept = &stream.cached_info().config;
        match settings::difference(kept) {
            Some(setting) if settings::is_of_another_stream(setting) => Err(BusError::Misconfigured(setting)),
            Some(setting) => self.put_right(kept, setting).await,
            None => Ok(()),
        }
    }

    async fn put_right(&self, kept: &Config, altered: &'static str) -> Result<(), BusError> {
        tracing::warn!(setting = altered, "the stream was altered; setting it back");
        let updated = self.jetstream().update_stream(settings::restored(kept)).await.map_err(|error| {
            if let CreateStreamErrorKind::JetStream(refusal) = error.kind() {
                tracing::warn!(%refusal, "the server refuses to set it back");
                return BusError::Misconfigured(altered);
            }
            BusError::unavailable("setting the stream back")(error.into())
        })?;
        settings::difference(&updated.config).map_or(Ok(()), |setting| Err(BusError::Misconfigured(setting)))
    }

    /// Deletes the stream with everything in it and makes it anew, for whoever refills it from the log. Stages make
    /// their consumers again by themselves.
    ///
    /// # Errors
    /// As [`Bus::ensure_stream`].
    pub async fn recreate_stream(&self) -> Result<(), BusError> {
        let deleted = self.jetstream().delete_stream(subject::STREAM).await;
        if let Err(error) = deleted
            && !is_missing(error.kind())
        {
            return Err(BusError::unavailable("deleting the stream")(error.into()));
        }
        self.ensure_stream().await
    }

    /// The durable pull consumer of a stage that has come to `after`: made if it is missing, and made anew if it is
    /// ahead of its stream, from which it would never bring anything again.
    ///
    /// # Errors
    /// As [`BusError`]; also while the stream itself is missing.
    pub async fn consumer(&self, stage: &str, after: Position) -> Result<Consumer, BusError> {
        let failed = |error| BusError::unavailable("making the consumer")(error);
        if self.is_ahead(stage).await? == Some(true) {
            tracing::warn!(stage, "the consumer is ahead of its stream; making it anew");
            let stream = self.stream("deleting the consumer").await?;
            stream.delete_consumer(stage).await.map_err(|error| failed(error.into()))?;
        }
        let config = pull::Config {
            durable_name: Some(stage.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_ACK_PENDING,
            deliver_policy: self.first_after(after).await?,
            ..pull::Config::default()
        };
        let stream = self.stream("making the consumer").await?;
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
        Ok(Consumer::new(self.clone(), stage, messages))
    }

    /// Whether the stage's consumer has delivered sequences that its stream does not have (yet): the stream lost its
    /// end. nats-server 2.9 then delivers nothing and says nothing. `None` without such a consumer.
    pub(crate) async fn is_ahead(&self, stage: &str) -> Result<Option<bool>, BusError> {
        let during = "comparing the consumer with its stream";
        let stream = self.stream(during).await?;
        // The consumer first: the stream may grow meanwhile, and must not look shorter for it.
        let consumer = match stream.consumer_info(stage).await {
            Ok(consumer) => consumer,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BusError::unavailable(during)(error.into())),
        };
        let last = self.stream_with_info(during).await?.cached_info().state.last_sequence;
        let reached = consumer.delivered.stream_sequence.max(consumer.ack_floor.stream_sequence);
        Ok(Some(reached > last))
    }

    /// Where a new consumer begins: an estimate, because messages of others may lie between ours. Beginning too early
    /// brings known events again, beginning too late leaves a gap; the stage copes with both.
    async fn first_after(&self, after: Position) -> Result<DeliverPolicy, BusError> {
        if after == Position::START {
            return Ok(DeliverPolicy::All);
        }
        let tail = match self.tail().await {
            Err(BusError::Foreign) => return Ok(DeliverPolicy::All),
            tail => tail?,
        };
        let missing = u64::try_from(tail.position.0 - after.0).unwrap_or_default();
        match tail.sequence.saturating_sub(missing) {
            0 => Ok(DeliverPolicy::All),
            done => Ok(DeliverPolicy::ByStartSequence { start_sequence: done + 1 }),
        }
    }

    pub(crate) async fn stream(&self, during: &'static str) -> Result<Stream<()>, BusError> {
        let stream = self.jetstream().get_stream_no_info(subject::STREAM).await;
        stream.map_err(|error| BusError::unavailable(during)(error.into()))
    }

    pub(crate) async fn stream_with_info(&self, during: &'static str) -> Result<Stream, BusError> {
        let stream = self.jetstream().get_stream(subject::STREAM).await;
        stream.map_err(|error| BusError::unavailable(during)(error.into()))
    }
}

fn is_missing(kind: DeleteStreamErrorKind) -> bool {
    matches!(kind, DeleteStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
