//! Many writers at once, some of which fail, change their minds or die: no reader skips an event, no ticket's order is
//! broken, no update is lost, and what is asked for twice happens once. `make chaos` runs it at full size.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use event_store::{
    Append, AppendError, EventStore, Expected, Idempotency, NewEvent, Outcome, Stamp, append::append_in,
    database,
};
use local_stack::testing::{TestDatabase, scaled, within};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version, envelope::Metadata, event::AnalysisFailed,
};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

const WRITERS: u64 = 16;
/// So few tickets that writers meet on them all the time.
const TICKETS: u64 = 40;

async fn pool(connections: u32) -> PgPool {
    let database = TestDatabase::create().await.unwrap();
    database::MIGRATOR.run(&database::pool(database.url(), "owner", 1).unwrap()).await.unwrap();
    // The owner, because some writers here kill others.
    database::pool(database.url(), "test", connections).unwrap()
}

fn event(attempts: u32) -> TicketEvent {
    TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts })
}

fn metadata(id: EventId) -> Metadata {
    Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() }
}

fn new_event() -> NewEvent {
    let id = EventId::new(Uuid::now_v7());
    NewEvent { id, event: event(1), metadata: metadata(id) }
}

fn append(ticket: u64, events: usize) -> Append {
    Append {
        ticket: TicketId::new(u128::from(ticket).into()),
        expected: Expected::Any,
        events: (0..events).map(|_| new_event()).collect(),
        idempotency: None,
    }
}

/// An append to a ticket that others append to, or the first one of a new ticket: the log takes these different ways.
fn wanted(random: &mut StdRng) -> Append {
    let events = random.random_range(1..4);
    if random.random() {
        return append(random.random_range(0..TICKETS), events);
    }
    Append {
        expected: Expected::Exactly(Version::NONE),
        ..append(random.random_range(TICKETS..u64::MAX), events)
    }
}

/// What a writer does next.
enum Turn {
    Append,
    /// In a transaction of its own, held open for a while, then taken back or not.
    Transaction {
        commits: bool,
    },
    /// The session of another writer ends in the middle of whatever it does.
    Kill,
}

fn turn(random: &mut StdRng) -> Turn {
    match random.random_range(0..20) {
        0..15 => Turn::Append,
        15 | 16 => Turn::Transaction { commits: true },
        17 | 18 => Turn::Transaction { commits: false },
        _ => Turn::Kill,
    }
}

async fn write(store: EventStore, writer: u64, target: i64, committed: Arc<AtomicI64>) {
    let mut random = StdRng::seed_from_u64(writer);
    while committed.load(Ordering::Relaxed) < target {
        tokio::time::sleep(Duration::from_micros(random.random_range(0..2000))).await;
        let wanted = wanted(&mut random);
        let events = wanted.events.len() as i64;
        let done = match turn(&mut random) {
            Turn::Append => store.append(wanted).await.is_ok(),
            Turn::Transaction { commits } => in_a_transaction(&store, &wanted, commits, &mut random).await,
            Turn::Kill => {
                kill_somebody(store.pool()).await;
                false
            }
        };
        if done {
            committed.fetch_add(events, Ordering::Relaxed);
        }
    }
}

/// Appends, thinks for a while with the head locked, and commits or takes it back; whether it is in the log for sure.
async fn in_a_transaction(store: &EventStore, wanted: &Append, commits: bool, random: &mut StdRng) -> bool {
    let pause = Duration::from_micros(random.random_range(0..3000));
    let outcome = async {
        let mut transaction = store.pool().begin().await?;
        append_in(&mut transaction, std::slice::from_ref(wanted)).await?;
        tokio::time::sleep(pause).await;
        if commits { transaction.commit().await } else { transaction.rollback().await }
    };
    outcome.await.is_ok() && commits
}

async fn kill_somebody(pool: &PgPool) {
    let victim = "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
                  order by random() limit 1";
    // Somebody may have killed us.
    let _ = sqlx::raw_sql(victim).execute(pool).await;
}

/// Follows the log like any stage, and returns what it saw once it has come to `end`.
async fn follow(store: EventStore, end: Arc<AtomicI64>) -> Vec<Envelope> {
    let mut seen: Vec<Envelope> = vec![];
    loop {
        let after = seen.last().map_or(Position::START, |event| event.position);
        if after.0 >= end.load(Ordering::Relaxed) {
            return seen;
        }
        // Its connection may be the one that is killed.
        seen.extend(store.read_all(after, 64).await.unwrap_or_default());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_skips_nothing_whatever_sixteen_writers_do() {
    let target = scaled(2_000, 1_000_000) as i64;
    let pool = pool(40).await;
    let store = EventStore::open(pool.clone()).await.unwrap();
    let (committed, end) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(i64::MAX)));
    // Half of them share a process's writer, the others have one each. All are open before the first is killed.
    let mut stores = vec![store.clone(); WRITERS as usize];
    for own in stores.iter_mut().step_by(2) {
        *own = EventStore::open(pool.clone()).await.unwrap();
    }
    let reader = tokio::spawn(follow(store.clone(), end.clone()));
    let mut writers = JoinSet::new();
    for (writer, store) in (0..).zip(stores) {
        writers.spawn(write(store, writer, target, committed.clone()));
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let head = within("the head", async {
        loop {
            if let Ok(head) = store.head().await {
                break head;
            }
        }
    })
    .await;
    end.store(head.0, Ordering::Relaxed);
    let seen = within("the reader", reader).await.unwrap();
    assert!(head.0 >= committed.load(Ordering::Relaxed), "what was confirmed is in the log");
    let positions: Vec<_> = seen.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=head.0).collect::<Vec<_>>(), "no hole, nothing skipped, nothing twice");
    assert!(seen.is_sorted_by_key(|event| event.time), "time follows position");
    assert_orders(&seen);
}

/// Versions of every ticket run 1, 2, 3 … in the order of positions.
fn assert_orders(seen: &[Envelope]) {
    let mut versions = BTreeMap::new();
    for event in seen {
        let version: &mut i32 = versions.entry(event.subject).or_default();
        *version += 1;
        assert_eq!(event.version, Version(*version), "{} at position {}", event.subject, event.position);
    }
}

/// How many events a ticket has: what its state would be if it were a counter.
fn count(state: u32, _: EventId, _: &TicketEvent) -> u32 {
    state + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn contended_commands_lose_no_update() {
    let commands = scaled(400, 100_000);
    let pool = pool(20).await;
    let stores = [EventStore::open(pool.clone()).await.unwrap(), EventStore::open(pool).await.unwrap()];
    let next = Arc::new(AtomicU64::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, next) = (stores[(writer % 2) as usize].clone(), next.clone());
        writers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= commands {
                    break;
                }
                let id = EventId::new(Uuid::now_v7());
                // Four tickets at a time, and new ones before they become long.
                let ticket = TicketId::new(u128::from(n % 4 + n / 400 * 4).into());
                // Each event says what its writer had seen: a lost update would be said twice.
                let decide = |seen: &u32| Ok::<_, std::convert::Infallible>(Some(event(*seen)));
                let command = store.handle(ticket, Stamp::new(id, metadata(id)), count, decide);
                assert_eq!(within("a command", command).await.unwrap().outcome, Outcome::Appended);
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let head = stores[0].head().await.unwrap();
    assert_eq!(head.0 as u64, commands, "one event per command, and none gave up");
    let mut after = Position::START;
    let mut all = vec![];
    while after < head {
        all.extend(stores[0].read_all(after, 1000).await.unwrap());
        after = all.last().map_or(head, |event: &Envelope| event.position);
    }
    assert_orders(&all);
    for envelope in &all {
        let TicketEvent::AnalysisFailed(said) = envelope.event().unwrap() else { panic!("another type") };
        assert_eq!(said.attempts as i32, envelope.version.0 - 1, "decided on the state right before it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_duplicates_of_many_keys_append_once_each() {
    let keys = scaled(40, 10_000);
    let pool = pool(20).await;
    let stores = [EventStore::open(pool.clone()).await.unwrap(), EventStore::open(pool).await.unwrap()];
    for key in 0..keys {
        let mut duplicates = JoinSet::new();
        for n in 0..20 {
            let store = stores[n % 2].clone();
            // Every one of them would make a ticket of its own.
            let asked = Append {
                expected: Expected::Exactly(Version::NONE),
                idempotency: Some(idempotency(key, 1)),
                ..append(key * 100 + n as u64, 1)
            };
            duplicates.spawn(async move { store.append(asked).await.unwrap() });
        }
        let answers = duplicates.join_all().await;
        assert!(answers.iter().all(|answer| answer.ticket == answers[0].ticket), "key {key}");
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1, "key {key}");
        let other_body = Append { idempotency: Some(idempotency(key, 2)), ..append(u64::MAX, 1) };
        assert!(matches!(stores[0].append(other_body).await, Err(AppendError::KeyReused)), "key {key}");
    }
    assert_eq!(stores[0].head().await.unwrap().0 as u64, keys);
}

fn idempotency(key: u64, body: u8) -> Idempotency {
    Idempotency { key: format!("key-{key}"), body_hash: [body; 32] }
}
