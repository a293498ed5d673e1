//! Copies of events for others: to a subject, or to a stream beside ours. Never to our own subjects: what comes there is
//! taken for the log's.

use std::future::IntoFuture as _;

use async_nats::{
    HeaderMap,
    jetstream::{message::PublishMessage, stream},
};
use futures::future::try_join_all;
use schemas::{Envelope, subject};

use crate::{Bus, BusError, headers, publish::payload};

/// Where copies go.
#[derive(Clone, Debug)]
pub enum Target {
    /// One plain NATS subject: whoever listens now gets them.
    Subject(String),
    /// A stream under `replay.<name>.<type>.<ticket>`, made if it is missing.
    Stream(String),
}

impl Target {
    /// A plain subject.
    ///
    /// # Errors
    /// [`BusError::Reserved`] for our own subjects, the server's, and what is no subject to publish on.
    pub fn subject(subject: &str) -> Result<Self, BusError> {
        let first = subject.split('.').next().unwrap_or_default();
        let reserved = matches!(first, "tickets" | "hub") || first.starts_with(['$', '_']);
        let tokens_are_names = subject.split('.').all(is_name);
        if reserved || !tokens_are_names {
            Err(BusError::Reserved)
        } else {
            Ok(Self::Subject(subject.to_owned()))
        }
    }

    /// A stream by name.
    ///
    /// # Errors
    /// [`BusError::Reserved`] for the cache of the log, and for what is no name of a stream.
    pub fn stream(name: &str) -> Result<Self, BusError> {
        if name == subject::STREAM || !is_name(name) {
            return Err(BusError::Reserved);
        }
        Ok(Self::Stream(name.to_owned()))
    }
}

fn is_name(token: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !token.is_empty() && token.chars().all(is_fit)
}

impl Bus {
    /// Makes the stream of `target` if it is one and is missing.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when a stream of that name keeps other subjects.
    pub async fn ensure_target(&self, target: &Target) -> Result<(), BusError> {
        let Target::Stream(name) = target else { return Ok(()) };
        let subjects = vec![format!("replay.{name}.>")];
        let config =
            stream::Config { name: name.clone(), subjects: subjects.clone(), ..stream::Config::default() };
        let stream = self.jetstream().get_or_create_stream(config).await;
        let stream = stream.map_err(|error| BusError::unavailable("making the stream")(error.into()))?;
        if stream.cached_info().config.subjects == subjects {
            Ok(())
        } else {
            Err(BusError::Misconfigured("subjects"))
        }
    }

    /// Copies events in order, and returns once the server has them; how many of them a stream had already (it
    /// remembers for two minutes).
    ///
    /// # Errors
    /// [`BusError::Unavailable`]; some of the events may have been copied.
    pub async fn copy(&self, target: &Target, events: &[Envelope]) -> Result<usize, BusError> {
        match target {
            Target::Subject(subject) => self.copy_to_subject(subject, events).await.map(|()| 0),
            Target::Stream(name) => self.copy_to_stream(name, events).await,
        }
    }

    async fn copy_to_subject(&self, subject: &str, events: &[Envelope]) -> Result<(), BusError> {
        for event in events {
            let sent =
                self.client().publish_with_headers(subject.to_owned(), headers_of(event), payload(event)?);
            sent.await.map_err(|error| BusError::unavailable("publishing")(error.into()))?;
        }
        self.client().flush().await.map_err(|error| BusError::unavailable("publishing")(error.into()))
    }

    async fn copy_to_stream(&self, name: &str, events: &[Envelope]) -> Result<usize, BusError> {
        let mut acknowledgements = Vec::with_capacity(events.len());
        for event in events {
            let subject = format!("replay.{name}.{}.{}", subject::token(&event.type_name), event.subject);
            let message = PublishMessage::build().payload(payload(event)?).headers(headers_of(event));
            let sent = self.jetstream().send_publish(subject, message).await;
            let sent = sent.map_err(|error| BusError::unavailable("publishing")(error.into()))?;
            acknowledgements.push(sent.into_future());
        }
        let acknowledged = try_join_all(acknowledgements).await;
        let acknowledged = acknowledged
            .map_err(|error| BusError::unavailable("awaiting an acknowledgement")(error.into()))?;
        Ok(acknowledged.iter().filter(|ack| ack.duplicate).count())
    }
}

fn headers_of(event: &Envelope) -> HeaderMap {
    headers::of_copy(event, &event.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_never_go_where_the_hub_listens() {
        for reserved in
            ["tickets.submitted.x", "hub.hint.appended", "$JS.API.INFO", "_INBOX.x", "a.*", "a..b", ""]
        {
            assert!(Target::subject(reserved).is_err(), "{reserved}");
        }
        assert!(Target::subject("demo.replay").is_ok());
        assert!(Target::stream("TICKETS").is_err() && Target::stream("a b").is_err());
        assert!(Target::stream("demo").is_ok());
    }
}
