//! kill -9 between every two steps of a stage, in a process of its own: no event is lost and none has its effect twice.
//! `make chaos` kills far more often, and at random occurrences of each step.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use event_bus::{Bus, BusError};
use event_store::{Append, AppendError, EventStore, Expected, NewEvent, database};
use local_stack::{
    Service, ServiceSpec,
    testing::{TestDatabase, TestNats, eventually, insist, scaled, within},
};
use rand::Rng as _;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId,
    envelope::Metadata,
    event::{AnalysisFailed, TicketClosed},
};
use sqlx::{PgConnection, PgPool};
use subscription::{Fate, Progress, Projection, Reaction, Stage, projection, reaction};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const STAGE: &str = "test-stage";
/// The test that is the process to be killed: this binary runs it alone, in a child.
const CHILD: &str = "a_stage_in_a_process_of_its_own";
const KILLED: i32 = 9;

const STEPS_OF_PROJECTIONS: &[&str] = &[
    "projection.read",
    "projection.applied",
    "projection.advanced",
    "projection.committed",
    "projection.settled",
];
const STEPS_OF_REACTIONS: &[&str] = &[
    "reaction.read",
    "reaction.counted",
    "reaction.reacted",
    "reaction.noted",
    "reaction.advanced",
    "reaction.committed",
    "reaction.settled",
    "retry.taken",
    "retry.reacted",
    "retry.settled",
];

/// Notes every event in a table, where a second effect would show as a second row.
struct Witness;

impl Projection for Witness {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        for event in events {
            let note = sqlx::query("insert into seen values ($1)").bind(event.position.0);
            note.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// Answers every event with an event whose id follows from it, half of them at the second try only.
struct Answerer(EventStore);

impl Reaction for Answerer {
    fn concerns(&self, type_name: &str) -> bool {
        type_name == "hub.ticket.analysis-failed.v1"
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        let mut fates = vec![];
        for event in events {
            fates.push(self.answer(event).await);
        }
        fates
    }
}

impl Answerer {
    async fn answer(&self, event: &Envelope) -> Fate {
        let first_try =
            sqlx::query("insert into tried values ($1) on conflict do nothing").bind(event.position.0);
        let first_try = first_try.execute(self.0.pool()).await.unwrap().rows_affected() == 1;
        if first_try && event.position.0 % 2 == 0 {
            return Fate::RetryAfter(Duration::ZERO, "not at the first try".into());
        }
        let id = EventId::new(Uuid::from_u128(event.position.0 as u128));
        let answer = append_of(event.subject, id, TicketEvent::Closed(TicketClosed {}));
        match self.0.append(answer).await {
            Ok(_) | Err(AppendError::Duplicate { .. }) => Fate::Done,
            Err(error) => Fate::RetryAfter(Duration::ZERO, error.to_string()),
        }
    }
}

fn append_of(ticket: TicketId, id: EventId, event: TicketEvent) -> Append {
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    let events = vec![NewEvent { id, event, metadata }];
    Append { ticket, expected: Expected::Any, events, idempotency: None }
}

#[tokio::test]
#[ignore = "it is the process that the other tests here kill"]
async fn a_stage_in_a_process_of_its_own() {
    let setting = |name: &str| std::env::var(name).unwrap();
    let pool = database::pool(&setting("DATABASE_URL"), "child", 10).unwrap();
    let store = EventStore::open(pool).await.unwrap();
    let stage = Stage { name: STAGE, store: store.clone(), nats_url: setting("NATS_URL") };
    let (progress, forever) = (Progress::new(STAGE), CancellationToken::new());
    if setting("KIND") == "projection" {
        projection::run(stage, Witness, progress, forever).await.unwrap();
    } else {
        reaction::run(stage, Answerer(store), progress, forever).await.unwrap();
    }
}

/// A log and a bus of their own, and a place for the logs of the children.
struct World {
    database: TestDatabase,
    server: TestNats,
    store: EventStore,
    kind: &'static str,
    dir: tempfile::TempDir,
}

impl World {
    async fn start(kind: &'static str) -> Self {
        let (database, server) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
        let owner = database::pool(database.url(), "owner", 1).unwrap();
        database::MIGRATOR.run(&owner).await.unwrap();
        sqlx::raw_sql(
            "create table seen (position bigint); create table tried (position bigint primary key)",
        )
        .execute(&owner)
        .await
        .unwrap();
        let pool = database::pool(database.service_url(), "test", 10).unwrap();
        let store = insist("the log", async || EventStore::open(pool.clone()).await).await;
        Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
        Self { database, server, store, kind, dir: tempfile::tempdir().unwrap() }
    }

    fn child(&self, crash_at: Option<&str>) -> Service {
        let mut env = vec![
            ("DATABASE_URL".into(), self.database.service_url().into()),
            ("NATS_URL".into(), self.server.url().into()),
            ("KIND".into(), self.kind.into()),
        ];
        env.extend(crash_at.map(|place| (crash_points::VARIABLE.into(), place.into())));
        Service::start(&ServiceSpec {
            name: "the stage".into(),
            program: std::env::current_exe().unwrap(),
            args: [CHILD, "--exact", "--ignored", "--nocapture"].map(Into::into).into(),
            env,
            log_file: self.dir.path().join("child.log"),
        })
        .unwrap()
    }

    /// Appends events, and puts on the bus what it lacks.
    async fn append(&self, events: u64) {
        for _ in 0..events {
            let ticket = TicketId::new(rand::rng().random_range(0..5_u128).into());
            let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: 1 });
            self.store.append(append_of(ticket, EventId::new(Uuid::now_v7()), event)).await.unwrap();
        }
        let bus = Bus::connect(&self.server.url(), "test").await.unwrap();
        let tail = bus.tail().await.unwrap();
        match bus.publish(tail, &self.store.read_all(tail.position, 1000).await.unwrap()).await {
            Ok(_) | Err(BusError::Fenced { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs the stage until it dies at `place`, with new events coming all the while.
    async fn killed_at(&self, place: &str) {
        let child = self.child(Some(place));
        let died = Box::pin(async {
            tokio::select! {
                status = child.ended() => status.unwrap(),
                () = async { loop { self.append(2).await } } => unreachable!(),
            }
        });
        let status = within(format!("the death at {place}"), died).await;
        assert_eq!(status.signal(), Some(KILLED), "{place} was never reached: {status}");
    }

    /// Runs the stage, undisturbed, until nothing is left to do.
    async fn idle(&self) {
        let child = self.child(None);
        eventually("the stage being idle", async || {
            assert!(child.is_running(), "the stage ended by itself");
            // Whoever took an event and died keeps others off it for minutes; here they pass at once.
            let lease = "update subscription.exceptions set due_at = clock_timestamp() where due_at > clock_timestamp()";
            sqlx::raw_sql(lease).execute(self.pool()).await.unwrap();
            let left = "select (select position from log.head) - (select position from subscription.checkpoints)
                             + (select count(*) from subscription.exceptions)";
            sqlx::query_scalar::<_, i64>(left).fetch_one(self.pool()).await.unwrap() == 0
        })
        .await;
        child.kill().await.unwrap();
    }

    fn pool(&self) -> &PgPool {
        self.store.pool()
    }

    async fn killed_at_each_of(&self, steps: &[&str]) {
        for _ in 0..scaled(1, 100) {
            for step in steps {
                let time = rand::rng().random_range(1..=scaled(1, 6));
                self.append(3).await;
                self.killed_at(&format!("{step}:{time}")).await;
                self.idle().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_killed_between_any_two_steps_loses_nothing_and_does_nothing_twice() {
    let world = World::start("projection").await;
    world.killed_at_each_of(STEPS_OF_PROJECTIONS).await;
    let head = world.store.head().await.unwrap();
    let seen: Vec<i64> = sqlx::query_scalar("select position from seen order by position")
        .fetch_all(world.pool())
        .await
        .unwrap();
    assert_eq!(seen, (1..=head.0).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_killed_between_any_two_steps_answers_every_event_once() {
    let world = World::start("reaction").await;
    world.killed_at_each_of(STEPS_OF_REACTIONS).await;
    let counts: (i64, i64, i64) = sqlx::query_as(
        "select count(*) filter (where type = 'hub.ticket.analysis-failed.v1'),
                count(*) filter (where type = 'hub.ticket.closed.v1'),
                (select count(*) from subscription.exceptions)
         from log.events",
    )
    .fetch_one(world.pool())
    .await
    .unwrap();
    assert_eq!((counts.0, 0), (counts.1, counts.2), "as many answers as events, nothing parked");
    assert_ne!(counts.0, 0);
    assert!(world.store.head().await.unwrap() > Position::START);
}
