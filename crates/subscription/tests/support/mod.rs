//! A log, a bus, and stages that run on them as "processes" of their own.

use std::sync::{Arc, Mutex};

use event_store::{Append, EventStore, Expected, NewEvent, database};
use local_stack::testing::{TestDatabase, TestNats, eventually, insist, within};
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, envelope::Metadata, event::AnalysisFailed, subject,
};
use sqlx::{PgConnection, PgPool};
use subscription::{Fate, Progress, Projection, Reaction, Stage, parked, projection, reaction};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const NOBODY: &str = "nats://127.0.0.1:1";
pub(crate) const STAGE: &str = "test-stage";

pub(crate) async fn store() -> EventStore {
    store_and_owner().await.0
}

/// An empty log, and its owner's connections, who may do to it what no service may.
pub(crate) async fn store_and_owner() -> (EventStore, PgPool) {
    let database = TestDatabase::create().await.unwrap();
    let owner = database::pool(database.url(), "owner", 1).unwrap();
    database::MIGRATOR.run(&owner).await.unwrap();
    sqlx::raw_sql("create table seen (position bigint, event_id uuid)").execute(&owner).await.unwrap();
    let pool = database::pool(database.service_url(), "test", 20).unwrap();
    (insist("the log", async || EventStore::open(pool.clone()).await).await, owner)
}

pub(crate) async fn append(store: &EventStore, count: u128) {
    for n in 0..count {
        let id = EventId::new(Uuid::now_v7());
        let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: n as u32 });
        let metadata =
            Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
        let append = Append {
            ticket: TicketId::new(n.into()),
            expected: Expected::Any,
            events: vec![NewEvent { id, event, metadata }],
            idempotency: None,
        };
        store.append(append).await.unwrap();
    }
}

fn stage(store: &EventStore, nats_url: &str) -> Stage {
    Stage { name: STAGE, store: store.clone(), nats_url: nats_url.to_owned() }
}

/// A stage running as its own "process"; dropping it is a crash.
pub(crate) struct Running {
    pub(crate) progress: Progress,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Waits until the stage has come so far.
    pub(crate) async fn reached(&self, position: i64) {
        within(format!("position {position}"), self.progress.reached(Position(position))).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Notes every event it is given, and fails while told to.
struct Seen {
    broken: Arc<Mutex<bool>>,
}

impl Projection for Seen {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        for event in events {
            sqlx::query("insert into seen values ($1, $2)")
                .bind(event.position.0)
                .bind(event.id.as_uuid())
                .execute(&mut *connection)
                .await?;
        }
        anyhow::ensure!(!*self.broken.lock().unwrap(), "told to fail");
        Ok(())
    }
}

pub(crate) fn project(store: &EventStore, nats_url: &str, broken: &Arc<Mutex<bool>>) -> Running {
    let progress = Progress::new(STAGE);
    let seen = Seen { broken: broken.clone() };
    let run = projection::run(stage(store, nats_url), seen, progress.clone(), CancellationToken::new());
    Running { progress, task: tokio::spawn(run) }
}

pub(crate) fn working() -> Arc<Mutex<bool>> {
    Arc::default()
}

pub(crate) async fn seen(store: &EventStore) -> Vec<i64> {
    sqlx::query_scalar("select position from seen order by position").fetch_all(store.pool()).await.unwrap()
}

pub(crate) fn up_to(last: i64) -> Vec<i64> {
    (1..=last).collect()
}

/// Puts events on the bus as often as it is called: without the message id that lets the server drop repetitions.
pub(crate) async fn deliver(server: &TestNats, events: &[Envelope]) {
    let client = async_nats::connect(server.url()).await.unwrap();
    for event in events {
        let payload = serde_json::to_vec(event).unwrap().into();
        client.publish(subject::of(event), payload).await.unwrap();
    }
    client.flush().await.unwrap();
}

/// Gives each event the fate a closure chooses.
struct Choose<F>(F);

impl<F: Fn(&Envelope) -> Option<Fate> + Send + Sync> Reaction for Choose<F> {
    fn concerns(&self, _: &str) -> bool {
        true
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        let mut fates = vec![];
        for event in events {
            match (self.0)(event) {
                Some(fate) => fates.push(fate),
                // The process hangs here until the test kills it.
                None => std::future::pending().await,
            }
        }
        fates
    }
}

pub(crate) fn react(
    store: &EventStore,
    nats_url: &str,
    choose: impl Fn(&Envelope) -> Option<Fate> + Send + Sync + 'static,
) -> Running {
    run_reaction(store, nats_url, Choose(choose))
}

pub(crate) fn run_reaction(store: &EventStore, nats_url: &str, reaction: impl Reaction + 'static) -> Running {
    let progress = Progress::new(STAGE);
    let run = reaction::run(stage(store, nats_url), reaction, progress.clone(), CancellationToken::new());
    Running { progress, task: tokio::spawn(run) }
}

/// How many events of the stage are parked.
pub(crate) async fn parked_count(store: &EventStore) -> usize {
    let of_the_stage = parked::Filter { stage: Some(STAGE.to_owned()), ..parked::Filter::default() };
    parked::list(store.pool(), &of_the_stage).await.unwrap().len()
}

/// Waits for a condition that another task will bring about.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    eventually("what another task brings about", async move || condition())
}
