//! The promises of the log, against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use event_store::{Append, AppendError, EventStore, Expected, Idempotency, NewEvent, StoreError, database};
use local_stack::testing::{TestDatabase, within};
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version, envelope::Metadata, event::AnalysisFailed,
};
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use uuid::Uuid;

async fn pool() -> sqlx::PgPool {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 20).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    pool
}

async fn store() -> EventStore {
    EventStore::open(pool().await).await.unwrap()
}

fn ticket(n: u128) -> TicketId {
    TicketId::new(n.into())
}

fn event(reason: &str) -> NewEvent {
    let id = EventId::new(Uuid::now_v7());
    NewEvent {
        id,
        event: TicketEvent::AnalysisFailed(AnalysisFailed { reason: reason.to_owned(), attempts: 1 }),
        metadata: Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() },
    }
}

fn append(n: u128, expected: Expected, reasons: &[&str]) -> Append {
    Append {
        ticket: ticket(n),
        expected,
        events: reasons.iter().map(|reason| event(reason)).collect(),
        idempotency: None,
    }
}

const NEW: Expected = Expected::Exactly(Version::NONE);

#[tokio::test]
async fn an_appended_event_reads_back_byte_for_byte() {
    let store = store().await;
    let wanted = append(1, NEW, &["a \"quoted\" reason, ünïcode"]);
    let appended = store.append(wanted.clone()).await.unwrap();
    let read = store.read_stream(ticket(1), Version::NONE).await.unwrap();
    let [envelope] = read.as_slice() else { panic!("one event") };
    assert_eq!(envelope.data.get(), wanted.events[0].event.to_data().unwrap().get());
    assert_eq!(envelope.metadata, wanted.events[0].metadata);
    assert_eq!((envelope.position, envelope.version), (appended.position, Version(1)));
    assert_eq!(envelope.time, appended.time);
}

#[tokio::test]
async fn what_came_another_way_is_held_only_as_it_stands_in_the_log() {
    let store = store().await;
    store.append(append(1, NEW, &["ünïcode", "two"])).await.unwrap();
    let bytes = serde_json::to_vec(&store.read_all(Position::START, 10).await.unwrap()).unwrap();
    let copies: Vec<Envelope> = serde_json::from_slice(&bytes).unwrap();
    assert!(store.holds(&copies).await.unwrap());
    let alterations: [fn(&mut Envelope); 8] = [
        |event| event.position = Position(3),
        |event| event.id = EventId::new(Uuid::now_v7()),
        |event| event.subject = ticket(2),
        |event| event.version = Version(3),
        |event| event.type_name.push('x'),
        |event| event.time += chrono::TimeDelta::microseconds(1),
        |event| event.metadata.actor = "mallory".to_owned(),
        |event| event.data = RawValue::from_string("{}".to_owned()).unwrap(),
    ];
    for (index, alter) in alterations.iter().enumerate() {
        let mut altered = copies.clone();
        alter(&mut altered[1]);
        assert!(!store.holds(&altered).await.unwrap(), "alteration {index}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_committed_is_passed_on_as_the_log_returns_it() {
    let store = store().await;
    let mut committed = store.committed();
    let tasks: Vec<_> = (0..40u128)
        .map(|n| {
            let store = store.clone();
            // A third conflicts, which has the batch judged command by command.
            let expected = if n % 3 == 0 { Expected::Exactly(Version(9)) } else { NEW };
            tokio::spawn(async move { store.append(append(n, expected, &["ünïcode", "two"])).await })
        })
        .collect();
    for task in tasks {
        let _ = task.await.unwrap();
    }
    let anew = Append { expected: Expected::Exactly(Version(2)), ..append(1, NEW, &["three"]) };
    store.append(anew.clone()).await.unwrap();
    assert!(matches!(store.append(anew).await, Err(AppendError::Duplicate { .. })));
    let mut passed_on = vec![];
    while let Ok(batch) = committed.try_recv() {
        let events: Vec<_> = batch.envelopes().collect();
        let ends = (events.first().unwrap().position, events.last().unwrap().position);
        assert_eq!((batch.first(), batch.last()), ends);
        passed_on.extend(events);
    }
    let log = store.read_all(Position::START, 1000).await.unwrap();
    assert_eq!(serde_json::to_string(&passed_on).unwrap(), serde_json::to_string(&log).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn positions_are_gapless_whatever_many_writers_do() {
    let pool = pool().await;
    // Two processes' worth of writers, all at once, a third of them doomed to conflict.
    let stores = [EventStore::open(pool.clone()).await.unwrap(), EventStore::open(pool).await.unwrap()];
    let tasks: Vec<_> = (0..300u128)
        .map(|n| {
            let store = stores[usize::from(n % 2 == 0)].clone();
            let expected = if n % 3 == 0 { Expected::Exactly(Version(9)) } else { NEW };
            tokio::spawn(async move { store.append(append(n, expected, &["one", "two"])).await })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += i64::from(task.await.unwrap().is_ok());
    }
    assert_eq!(accepted, 200);
    let all = stores[0].read_all(Position::START, 1000).await.unwrap();
    let positions: Vec<_> = all.iter().map(|envelope| envelope.position.0).collect();
    assert_eq!(positions, (1..=400).collect::<Vec<_>>());
    assert!(all.is_sorted_by_key(|envelope| envelope.time), "time follows position");
    assert_eq!(stores[0].head().await.unwrap(), Position(400));
}

#[tokio::test]
async fn loads_at_once_share_a_query_and_each_gets_its_own_ticket() {
    let pool = pool().await;
    let store = EventStore::open(pool.clone()).await.unwrap();
    for n in 1..=12 {
        store.append(append(n, NEW, &["one", "two"])).await.unwrap();
    }
    // The owner can do what no service can: damage a row.
    sqlx::raw_sql(
        "alter table log.events disable trigger all;
         update log.events set metadata = '?' where position = (select max(position) from log.events)",
    )
    .execute(&pool)
    .await
    .unwrap();
    // Ticket 12 is the damaged one, 13 is nobody's, and each is asked for twice.
    let loads: JoinSet<_> = (1..=13)
        .chain(1..=13)
        .map(|n| {
            let store = store.clone();
            async move { (n, store.read_stream(ticket(n), Version(2)).await) }
        })
        .collect();
    for (n, loaded) in loads.join_all().await {
        match (n, loaded) {
            (12, loaded) => assert!(matches!(loaded, Err(StoreError::Damaged { .. })), "{loaded:?}"),
            (13, loaded) => assert!(loaded.unwrap().is_empty()),
            (n, loaded) => {
                let places: Vec<_> = loaded.unwrap().iter().map(|e| (e.subject, e.version)).collect();
                assert_eq!(places, [(ticket(n), Version(2))]);
            }
        }
    }
}

#[tokio::test]
async fn a_conflict_names_both_versions_and_fails_one_command_only() {
    let store = store().await;
    store.append(append(1, NEW, &["first", "second"])).await.unwrap();
    let (late, other) =
        tokio::join!(store.append(append(1, NEW, &["late"])), store.append(append(2, NEW, &["other"])));
    match late {
        Err(AppendError::Conflict { expected, actual }) => {
            assert_eq!((expected, actual), (Version::NONE, Version(2)));
        }
        other => panic!("expected a conflict, got {other:?}"),
    }
    assert_eq!(other.unwrap().version, Version(1));
}

#[tokio::test]
async fn appending_the_same_event_again_changes_nothing() {
    let store = store().await;
    let once = append(1, Expected::Any, &["once"]);
    let first = store.append(once.clone()).await.unwrap();
    store.append(append(2, NEW, &["between"])).await.unwrap();
    match store.append(once).await {
        Err(AppendError::Duplicate { position }) => assert_eq!(position, first.position),
        other => panic!("expected a duplicate, got {other:?}"),
    }
    assert_eq!(store.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_ticket_and_refuses_another_body() {
    let store = store().await;
    let keyed = |n, body: u8| Append {
        idempotency: Some(Idempotency { key: "key-1".into(), body_hash: [body; 32] }),
        ..append(n, NEW, &["x"])
    };
    let first = store.append(keyed(1, 7)).await.unwrap();
    let again = store.append(keyed(2, 7)).await.unwrap();
    assert_eq!((again.ticket, again.position, again.time), (ticket(1), first.position, first.time));
    assert!(again.replayed && !first.replayed);
    assert!(matches!(store.append(keyed(3, 8)).await, Err(AppendError::KeyReused)));
    assert_eq!(store.head().await.unwrap(), Position(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_concurrent_duplicates_append_once() {
    let store = store().await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = store.clone();
            let idempotency = Some(Idempotency { key: "same".into(), body_hash: [1; 32] });
            tokio::spawn(async move { store.append(Append { idempotency, ..append(n, NEW, &["x"]) }).await })
        })
        .collect();
    let mut tickets = std::collections::BTreeSet::new();
    for task in tasks {
        tickets.insert(task.await.unwrap().unwrap().ticket);
    }
    assert_eq!((tickets.len(), store.head().await.unwrap()), (1, Position(1)));
}

#[tokio::test]
async fn recorded_events_can_be_neither_changed_nor_removed() {
    let store = store().await;
    store.append(append(1, NEW, &["for ever"])).await.unwrap();
    for sql in ["update log.events set data = '{}'", "delete from log.events", "truncate log.events"] {
        let refused = sqlx::raw_sql(sql).execute(store.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn a_server_that_may_lose_confirmed_events_is_refused() {
    let database = TestDatabase::create().await.unwrap();
    let setup = database::pool(database.url(), "test", 1).unwrap();
    database::MIGRATOR.run(&setup).await.unwrap();
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&setup).await.unwrap();
    let sql = format!("alter database {name} set synchronous_commit = off");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&setup).await.unwrap();
    let pool = database::pool(database.url(), "test", 1).unwrap();
    match EventStore::open(pool).await {
        Err(StoreError::NotDurable { setting, .. }) => assert_eq!(setting, "synchronous_commit"),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_stops_being_durable_is_noticed_while_it_runs() {
    let store = store().await;
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(store.pool()).await.unwrap();
    let sql = format!("alter database {name} set synchronous_commit = off");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(store.pool()).await.unwrap();
    match within("a server that is not durable", store.not_durable(Duration::from_millis(1))).await {
        StoreError::NotDurable { setting, .. } => assert_eq!(setting, "synchronous_commit"),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_foreign_transaction_that_never_ends_stalls_nobody() {
    let store = store().await;
    let mut foreign = store.pool().begin().await.unwrap();
    sqlx::raw_sql("create table elsewhere (); select pg_current_xact_id()")
        .execute(&mut *foreign)
        .await
        .unwrap();
    store.append(append(1, NEW, &["meanwhile"])).await.unwrap();
    assert_eq!(store.read_all(Position::START, 10).await.unwrap().len(), 1);
    drop(foreign);
}

#[tokio::test]
async fn an_old_snapshot_makes_no_append_dearer_than_the_one_before() {
    let store = store().await;
    let mut foreign = store.pool().begin().await.unwrap();
    sqlx::raw_sql("set transaction isolation level repeatable read; select pg_current_xact_id()")
        .execute(&mut *foreign)
        .await
        .unwrap();
    for n in 1..=1_000 {
        store.append(append(n, NEW, &["meanwhile"])).await.unwrap();
    }
    // What every append locks has one version, whoever still sees the past.
    let bytes: i64 = sqlx::query_scalar("select pg_relation_size('log.append_lock')")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(bytes, 8192);
    drop(foreign);
}

#[tokio::test]
async fn a_migrated_database_says_so() {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 1).unwrap();
    assert!(!database::is_migrated(&pool).await.unwrap());
    database::MIGRATOR.run(&pool).await.unwrap();
    assert!(database::is_migrated(&pool).await.unwrap());
}
