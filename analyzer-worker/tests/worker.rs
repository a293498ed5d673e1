//! The stage against a real Postgres, with the real model and without a bus: it has to get by on the log.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use analyzer_worker::{
    models::Models,
    worker::{STAGE, Worker},
};
use event_store::{
    Append, EventStore, Expected, NewEvent, PersonalKeys, database,
    master_keys::{MasterKeys, generate_master_key},
};
use local_stack::testing::TestDatabase;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::Metadata,
    event::{Requester, TicketSubmitted},
};
use subscription::{Progress, Reaction as _, Stage, reaction};
use tokio_util::sync::CancellationToken;
use ulid::Ulid;
use uuid::Uuid;

const NOBODY: &str = "nats://127.0.0.1:1";

struct World {
    store: EventStore,
    keys: PersonalKeys,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let pool = database::pool(database.url(), "test", 8).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), generate_master_key()).unwrap();
        let keys =
            PersonalKeys::open(pool.clone(), MasterKeys::from_file(file.path()).unwrap()).await.unwrap();
        Self { store: EventStore::open(pool).await.unwrap(), keys, dir: tempfile::tempdir().unwrap() }
    }

    fn worker(&self) -> Worker {
        let models = Models::new(self.store.clone(), self.dir.path().to_owned());
        Worker::new(self.store.clone(), self.keys.clone(), support::engine(), models)
    }

    async fn submit(&self, description: &str) -> (TicketId, Position) {
        let (ticket, id) = (TicketId::new(Ulid::generate()), EventId::new(Uuid::now_v7()));
        let requester = self.keys.requester_id("ada@example.com");
        let text = |field, text: &str| {
            let (keys, requester, text) = (&self.keys, &requester, text.to_owned());
            async move { keys.seal(requester, id, field, &text).await.unwrap() }
        };
        let submitted = TicketSubmitted {
            description: text("description", description).await,
            requester: Requester {
                name: text("name", "Ada").await,
                email: text("email", "ada@example.com").await,
                id: requester.clone(),
            },
            request_type: "Network".to_owned(),
            attachments: vec![],
        };
        let metadata = Metadata {
            correlationid: id,
            causationid: None,
            traceparent: None,
            actor: "anonymous".to_owned(),
        };
        let events = vec![NewEvent { id, event: TicketEvent::Submitted(submitted), metadata }];
        let append = Append { ticket, expected: Expected::Exactly(Version::NONE), events, idempotency: None };
        (ticket, self.store.append(append).await.unwrap().position)
    }

    async fn stream(&self, ticket: TicketId) -> Vec<Envelope> {
        self.store.read_stream(ticket, Version::NONE).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submitted_ticket_gets_its_analysis_sealed_into_the_log() {
    let world = World::new().await;
    let (ticket, position) = world.submit(support::TICKET).await;
    let (progress, stop) = (Progress::new(STAGE), CancellationToken::new());
    let stage = Stage { name: STAGE, store: world.store.clone(), nats_url: NOBODY.to_owned() };
    let running = tokio::spawn(reaction::run(stage, world.worker(), progress.clone(), stop.clone()));
    progress.reached(position).await;
    stop.cancel();
    running.await.unwrap().unwrap();

    let stream = world.stream(ticket).await;
    let [submitted, analyzed] = stream.as_slice() else { panic!("{} events", stream.len()) };
    assert_eq!(analyzed.id, submitted.id.derive("analysis"));
    assert_eq!(analyzed.metadata.causationid, Some(submitted.id));
    assert!(!analyzed.data.get().contains("srv-fs01"), "personal data is in clear text");
    let TicketEvent::Analyzed(answer) = analyzed.event().unwrap() else { panic!("{}", analyzed.type_name) };
    let entities = world.keys.open_sealed(&answer.entities, analyzed.id, "entities").await.unwrap();
    assert!(entities.iter().any(|entity| entity.text == "srv-fs01"));
    assert!(!world.keys.open_sealed(&answer.summary, analyzed.id, "summary").await.unwrap().is_empty());
    let embedding =
        world.keys.open_sealed(&answer.embedding.unwrap(), analyzed.id, "embedding").await.unwrap();
    let length = embedding.vector().iter().map(|value| value * value).sum::<f32>();
    assert_eq!((embedding.space.as_str(), embedding.vector().len()), ("minilm-l6", 384));
    assert!((length - 1.0).abs() < 0.01, "{length}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seeing_a_ticket_twice_analyzes_it_once() {
    let world = World::new().await;
    let (ticket, _) = world.submit("The dock in room 2.14 is dead since this morning.").await;
    let worker = world.worker();
    let submitted = world.stream(ticket).await;
    let twice = [submitted[0].clone(), submitted[0].clone()];
    worker.react(&twice).await;
    worker.react(&twice).await;
    assert_eq!(world.stream(ticket).await.len(), 2);
}
