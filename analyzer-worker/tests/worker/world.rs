//! A log with its keys, tickets in it, and workers that read it. There is no bus: the stage has to get by on the log.

use std::path::{Path, PathBuf};

use analyzer_worker::{
    engine::Engine, models::Models, relearn::Registry, settings::PrecisionChoice, worker::Worker,
};
use event_store::{
    Append, EventStore, Expected, MasterKeys, NewEvent, PersonalKeys, database,
    master_keys::generate_master_key,
};
use local_stack::testing::TestDatabase;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::Metadata,
    event::{Attachment, Requester, TicketCommented, TicketSubmitted},
};
use service_host::settings::Backbone;
use ulid::Ulid;
use uuid::Uuid;

use crate::support;

/// A log with its keys.
pub(crate) struct World {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) database: TestDatabase,
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let pool = database::pool(database.url(), "test", 8).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), generate_master_key()).unwrap();
        let master = MasterKeys::from_file(&dir.path().join("master.key")).unwrap();
        let keys = PersonalKeys::open(pool.clone(), master).await.unwrap();
        Self { store: EventStore::open(pool).await.unwrap(), keys, database, dir }
    }

    /// Of this test alone.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn master_key_file(&self) -> PathBuf {
        self.dir.path().join("master.key")
    }

    pub(crate) fn models(&self) -> Models {
        let shipped = support::settings(PrecisionChoice::F32).heads_dir;
        Models::new(self.store.clone(), self.dir.path().join("promoted"), shipped)
    }

    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(support::engine())
    }

    pub(crate) fn worker_with(&self, engine: Engine) -> Worker {
        Worker::new(self.store.clone(), self.keys.clone(), engine, self.models())
    }

    pub(crate) async fn submit(&self, description: &str) -> (TicketId, Position) {
        self.submit_with(description, &[]).await
    }

    /// A ticket with recordings.
    pub(crate) async fn submit_with(&self, description: &str, recordings: &[&[u8]]) -> (TicketId, Position) {
        let (ticket, id) = (TicketId::new(Ulid::generate()), EventId::new(Uuid::now_v7()));
        let requester = self.keys.requester_id("ada@example.com");
        let text = |field, text: &str| {
            let (keys, requester, text) = (&self.keys, &requester, text.to_owned());
            async move { keys.seal(requester, id, field, &text).await.unwrap() }
        };
        let mut attachments = vec![];
        for recording in recordings {
            attachments.push(Attachment {
                kind: "audio".to_owned(),
                media_type: "audio/x-wav".to_owned(),
                bytes: recording.len() as u64,
                sha256: self.keys.keep_attachment(&requester, recording).await.unwrap(),
            });
        }
        let submitted = TicketSubmitted {
            description: text("description", description).await,
            requester: Requester {
                name: text("name", "Ada").await,
                email: text("email", "ada@example.com").await,
                id: requester.clone(),
            },
            request_type: "Network".to_owned(),
            attachments,
        };
        let version = Expected::Exactly(Version::NONE);
        (ticket, self.append(ticket, version, id, TicketEvent::Submitted(submitted)).await)
    }

    pub(crate) async fn comment(&self, ticket: TicketId, text: &str) -> Position {
        let id = EventId::new(Uuid::now_v7());
        let requester = self.keys.requester_id("ada@example.com");
        let text = self.keys.seal(&requester, id, "text", &text.to_owned()).await.unwrap();
        self.append(ticket, Expected::Any, id, TicketEvent::Commented(TicketCommented { text })).await
    }

    pub(crate) async fn append(
        &self,
        ticket: TicketId,
        expected: Expected,
        id: EventId,
        event: TicketEvent,
    ) -> Position {
        let metadata = Metadata {
            correlationid: id,
            causationid: None,
            traceparent: None,
            actor: "anonymous".to_owned(),
        };
        let events = vec![NewEvent { id, event, metadata }];
        let append = Append { ticket, expected, events, idempotency: None };
        self.store.append(append).await.unwrap().position
    }

    pub(crate) async fn stream(&self, ticket: TicketId) -> Vec<Envelope> {
        self.store.read_stream(ticket, Version::NONE).await.unwrap()
    }

    /// The newest event of a ticket, read.
    pub(crate) async fn last(&self, ticket: TicketId) -> (Envelope, TicketEvent) {
        let last = self.stream(ticket).await.pop().unwrap();
        let event = last.event().unwrap();
        (last, event)
    }
}

/// The promoted models of a world, with the shipped heads.
pub(crate) fn registry(world: &World) -> Registry {
    Registry {
        backbone: Backbone {
            database_url: world.database.url().to_owned().into(),
            nats_url: crate::NOBODY.to_owned(),
            master_key_file: world.master_key_file(),
        },
        promoted_dir: world.folder().join("promoted"),
        model: support::settings(PrecisionChoice::F32),
    }
}
