//! What the bus brings and the log does not hold: nobody acts on it, and nothing of the log is missed for it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use std::sync::{Arc, Mutex};

use event_bus::{Bus, publish::Tail};
use event_store::EventStore;
use local_stack::testing::{TestNats, eventually};
use schemas::{Envelope, EventId, Position};
use serde_json::value::RawValue;
use subscription::{Fate, checkpoint};
use support::{
    NOBODY, STAGE, append, deliver, project, react, seen, store, store_and_owner, until, up_to, working,
};
use uuid::Uuid;

/// What never happened, at this position.
fn ghost(of: &Envelope, position: i64) -> Envelope {
    Envelope { id: EventId::new(Uuid::now_v7()), position: Position(position), ..of.clone() }
}

async fn log(store: &EventStore) -> Vec<Envelope> {
    store.read_all(Position::START, 1000).await.unwrap()
}

async fn only_what_the_log_holds_was_seen(store: &EventStore) {
    let seen: Vec<(i64, Uuid)> = sqlx::query_as("select position, event_id from seen order by position")
        .fetch_all(store.pool())
        .await
        .unwrap();
    let held: Vec<_> = log(store).await.iter().map(|event| (event.position.0, event.id.as_uuid())).collect();
    assert_eq!(seen, held);
}

/// Waits until the stage's consumer has brought this message of the stream and all are settled.
async fn settled(server: &TestNats, sequence: u64) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("TICKETS").await.unwrap();
    eventually(format!("message {sequence} being settled"), async || {
        stream
            .consumer_info(STAGE)
            .await
            .is_ok_and(|info| info.delivered.stream_sequence >= sequence && info.num_ack_pending == 0)
    })
    .await;
}

#[tokio::test]
async fn a_forged_message_is_not_believed_and_the_real_event_of_its_position_is_seen() {
    let (store, server) = (store().await, TestNats::start().await.unwrap());
    Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
    append(&store, 5).await;
    let running = project(&store, &server.url(), &working());
    running.reached(5).await;
    settled(&server, 0).await;
    let real = log(&store).await;
    deliver(&server, &[ghost(&real[4], 6), ghost(&real[4], 7)]).await;
    settled(&server, 2).await;
    append(&store, 3).await;
    deliver(&server, &log(&store).await[5..]).await;
    running.reached(8).await;
    only_what_the_log_holds_was_seen(&store).await;
}

#[tokio::test]
async fn a_log_restored_while_a_stage_was_behind_is_what_the_stage_follows() {
    let (store, server) = (store().await, TestNats::start().await.unwrap());
    let bus = Bus::connect(&server.url(), "test").await.unwrap();
    bus.ensure_stream().await.unwrap();
    append(&store, 5).await;
    // The stream still holds what came after the backup.
    let mut before = log(&store).await;
    before.extend((6..=8).map(|position| ghost(&before[4], position)).collect::<Vec<_>>());
    bus.publish(Tail::default(), &before).await.unwrap();
    let running = project(&store, &server.url(), &working());
    running.reached(5).await;
    settled(&server, 8).await;
    assert_eq!(seen(&store).await, up_to(5));
    append(&store, 4).await;
    running.reached(9).await;
    only_what_the_log_holds_was_seen(&store).await;
}

#[tokio::test]
async fn an_event_altered_on_its_way_is_taken_from_the_log() {
    let (store, server) = (store().await, TestNats::start().await.unwrap());
    Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
    append(&store, 2).await;
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let hears = told.clone();
    let running = react(&store, &server.url(), move |event| {
        hears.lock().unwrap().push(event.data.get().to_owned());
        Some(Fate::Done)
    });
    running.reached(2).await;
    settled(&server, 0).await;
    append(&store, 1).await;
    let mut altered = log(&store).await.pop().unwrap();
    altered.data = RawValue::from_string(r#"{"reason":"forged","attempts":0}"#.into()).unwrap();
    deliver(&server, &[altered]).await;
    running.reached(3).await;
    let held: Vec<_> = log(&store).await.iter().map(|event| event.data.get().to_owned()).collect();
    assert_eq!(*told.lock().unwrap(), held);
}

#[tokio::test]
async fn a_checkpoint_beyond_the_log_halts_the_stage_until_it_is_set_back() {
    let store = store().await;
    append(&store, 5).await;
    checkpoint::load(store.pool(), STAGE).await.unwrap();
    let mut connection = store.pool().acquire().await.unwrap();
    checkpoint::advance(&mut connection, STAGE, Position(0), Position(9)).await.unwrap().unwrap();
    let running = project(&store, NOBODY, &working());
    until(|| running.progress.problem().is_some()).await;
    let problem = running.progress.problem().unwrap();
    assert!(problem.contains("position 9") && problem.contains("ends at 5"), "{problem}");
    assert!(problem.contains("`hubctl rewind test-stage`"), "{problem}");
    let stands = checkpoint::rewind(store.pool(), STAGE, Position(2)).await.unwrap();
    assert_eq!(stands, Some(Position(2)));
    until(|| running.progress.position() == Position(5)).await;
    assert_eq!((seen(&store).await, running.progress.problem()), (vec![3, 4, 5], None));
}

#[tokio::test]
async fn a_log_that_shrinks_under_a_stage_halts_it() {
    let (store, owner) = store_and_owner().await;
    append(&store, 5).await;
    let running = project(&store, NOBODY, &working());
    running.reached(5).await;
    sqlx::raw_sql(
        "alter table log.events disable trigger all; delete from log.events where position > 3;
         alter table log.events enable trigger all",
    )
    .execute(&owner)
    .await
    .unwrap();
    until(|| running.progress.problem().is_some()).await;
    assert!(running.progress.problem().unwrap().contains("ends at 3"));
}
