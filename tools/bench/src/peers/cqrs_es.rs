//! cqrs-es with postgres-es.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx_08::PgPool;
use uuid::Uuid;

use super::{Peer, Streams};

/// As the crate's documentation asks for it.
const TABLE: &str = "create table events (
    aggregate_type text not null, aggregate_id text not null, sequence bigint not null check (sequence >= 0),
    event_type text not null, event_version text not null, payload json not null, metadata json not null,
    primary key (aggregate_type, aggregate_id, sequence))";

#[derive(Clone)]
struct CqrsEs {
    cqrs: Arc<PostgresCqrs<Ticket>>,
    streams: Streams,
}

pub(super) async fn open(pool: PgPool) -> anyhow::Result<Box<dyn Peer>> {
    sqlx_08::query(TABLE).execute(&pool).await?;
    Ok(Box::new(CqrsEs { cqrs: Arc::new(postgres_cqrs(pool, vec![], ())), streams: Streams::default() }))
}

#[async_trait]
impl Peer for CqrsEs {
    fn name(&self) -> &'static str {
        "cqrs-es 0.5"
    }

    fn share(&self) -> Box<dyn Peer> {
        Box::new(self.clone())
    }

    async fn submit(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        self.execute(id, Command::Submit(body)).await
    }

    async fn comment(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        self.execute(id, Command::Comment(body)).await
    }

    fn streams(&self) -> &Streams {
        &self.streams
    }
}

impl CqrsEs {
    async fn execute(&self, id: Uuid, command: Command) -> anyhow::Result<()> {
        let metadata = HashMap::from([
            ("correlationid".to_owned(), id.to_string()),
            ("traceparent".to_owned(), format!("00-{}-00f067aa0ba902b7-01", id.simple())),
            ("actor".to_owned(), "anonymous".to_owned()),
        ]);
        let mut command = command;
        loop {
            let again = command.clone();
            match self.cqrs.execute_with_metadata(&id.to_string(), command, metadata.clone()).await {
                Err(cqrs_es::AggregateError::AggregateConflict) => command = again,
                done => return Ok(done?),
            }
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Ticket {
    comments: usize,
    is_submitted: bool,
}

#[derive(Clone)]
enum Command {
    Submit(String),
    Comment(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Submitted { body: String },
    Commented { body: String },
}

#[derive(Debug, thiserror::Error)]
#[error("not in this state")]
struct Refused;

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Submitted { .. } => "Submitted".to_owned(),
            Self::Commented { .. } => "Commented".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Ticket {
    const TYPE: &'static str = "ticket";
    type Command = Command;
    type Event = Event;
    type Error = Refused;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refused> {
        let event = match command {
            Command::Submit(body) if !self.is_submitted => Event::Submitted { body },
            Command::Comment(body) if self.is_submitted => Event::Commented { body },
            _ => return Err(Refused),
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Submitted { .. } => self.is_submitted = true,
            Event::Commented { .. } => self.comments += 1,
        }
    }
}
