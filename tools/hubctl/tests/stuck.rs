//! `hubctl parked` and `hubctl why-stuck`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use event_bus::publish::Tail;
use event_store::database;
use schemas::{EventId, Position, TicketId};
use subscription::{Leadership, checkpoint, exceptions, halts, parked};
use support::Hub;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const STAGE: &str = "analyzer";

/// Five events of tickets 1 to 5; the stage has come to position 4 and parked 2 and 3.
async fn hub_with_parked_events() -> Hub {
    let hub = Hub::start().await;
    hub.append(1..=5).await;
    let pool = hub.store.pool();
    checkpoint::load(pool, STAGE).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for event in hub.store.read_positions(&[Position(2), Position(3)]).await.unwrap() {
        let reason = format!("poison of {}", event.position);
        exceptions::note(&mut connection, STAGE, &event, 3, None, &reason).await.unwrap();
    }
    checkpoint::advance(&mut connection, STAGE, Position(0), Position(4)).await.unwrap().unwrap();
    hub
}

async fn parked_count(hub: &Hub) -> usize {
    let of_the_stage = parked::Filter { stage: Some(STAGE.to_owned()), ..parked::Filter::default() };
    parked::list(hub.store.pool(), &of_the_stage).await.unwrap().len()
}

#[tokio::test]
async fn parked_events_are_listed_by_what_is_asked_for() {
    let hub = hub_with_parked_events().await;
    let all = hub.hubctl(&["parked", "list"]).await;
    all.says("#2  analyzer");
    all.says("poison of 3");
    let ticket = TicketId::new(2.into()).to_string();
    for narrow in [["--ticket", ticket.as_str()], ["--reason", "of 2"], ["--limit", "1"], ["--position", "2"]]
    {
        let listed = hub.hubctl(&[&["parked", "list"][..], &narrow].concat()).await;
        listed.says("#2  analyzer");
        assert!(!listed.out.contains("#3"), "{narrow:?}: {listed:?}");
    }
    hub.hubctl(&["parked", "list", "--stage", "projector"]).await.says("nothing");
    let shown = hub.hubctl(&["parked", "show", "2"]).await;
    shown.says("attempts 3  poison of 2");
    shown.says("\"type\": \"hub.ticket.analysis-failed.v1\"");
    hub.hubctl(&["parked", "show", "1"]).await.refuses("no stage has an unfinished event");
}

#[tokio::test]
async fn a_retry_is_due_at_once_with_all_its_attempts() {
    let hub = hub_with_parked_events().await;
    hub.hubctl(&["parked", "retry", "--dry-run"]).await.says("2 events would be tried again");
    assert_eq!(parked_count(&hub).await, 2);
    hub.hubctl(&["parked", "retry", "--limit", "1"]).await.says("1 events are due now");
    assert_eq!(parked_count(&hub).await, 1);
    let lease = std::time::Duration::from_mins(1);
    let due = exceptions::due(hub.store.pool(), STAGE, 10, false).await.unwrap();
    assert_eq!(due, [Position(2)]);
    let taken = exceptions::take(hub.store.pool(), STAGE, Position(2), lease).await.unwrap();
    assert_eq!(taken, Some(exceptions::Taken { attempts: 1, unended: 0 }));
    let again = exceptions::take(hub.store.pool(), STAGE, Position(2), lease).await.unwrap();
    assert_eq!(again, None, "it is not due any more");
}

#[tokio::test]
async fn discarding_needs_a_yes_and_a_note_and_leaves_a_record() {
    let hub = hub_with_parked_events().await;
    hub.hubctl(&["parked", "discard", "--yes"]).await.refuses("--note");
    hub.hubctl(&["parked", "discard", "--yes", "--note", " "]).await.refuses("the note says nothing");
    hub.hubctl(&["parked", "discard", "--note", "tests"]).await.refuses("nothing done");
    hub.hubctl(&["parked", "discard", "--note", "tests", "--dry-run"])
        .await
        .says("2 events would be discarded");
    assert_eq!(parked_count(&hub).await, 2);
    let narrow = ["parked", "discard", "--note", "tests", "--yes", "--reason", "of 3"];
    hub.hubctl(&narrow).await.says("1 events discarded");
    assert_eq!(parked_count(&hub).await, 1);
    let record: (i64, String, String) =
        sqlx::query_as("select position, discarded_by, note from subscription.discarded")
            .fetch_one(hub.store.pool())
            .await
            .unwrap();
    assert_eq!(record, (3, "operator".into(), "tests".into()));
}

#[tokio::test]
async fn why_stuck_names_lag_leaders_parked_events_and_the_bus() {
    let hub = hub_with_parked_events().await;
    let nobody = hub.hubctl(&["why-stuck"]).await;
    nobody.says("the log ends at position 5");
    nobody.says("the bus ends at position 0, 5 behind");
    nobody.says("analyzer: at position 4, 1 behind, led by nobody");
    nobody.says("2 events parked");
    nobody.says("nobody waits for a lock");
    let pool = hub.store.pool();
    let leadership = Leadership::acquire(pool, STAGE, &CancellationToken::new()).await.unwrap();
    hub.relay().await;
    let led = hub.hubctl(&["why-stuck", &TicketId::new(3.into()).to_string()]).await;
    led.says("the bus ends there too");
    led.says("analyzer: at position 4, 1 behind, led by test (session ");
    led.says("analyzer: #3 parked after 3 attempts: poison of 3");
    leadership.release().await;
}

#[tokio::test]
async fn why_stuck_tells_the_stream_of_another_log_from_one_that_ends_where_the_log_does() {
    let hub = hub_with_parked_events().await;
    let mut of_another_log = hub.store.read_all(Position::START, 10).await.unwrap();
    for event in &mut of_another_log {
        event.id = EventId::new(Uuid::now_v7());
    }
    hub.bus.publish(Tail::default(), &of_another_log).await.unwrap();
    let answer = hub.hubctl(&["why-stuck"]).await;
    answer.says("the bus ends at position 5 with an event that this log does not hold");
    answer.says("the relay waits for `hubctl bus rebuild`");
}

#[tokio::test]
async fn why_stuck_says_why_who_is_halted_is_and_that_its_process_runs() {
    let hub = hub_with_parked_events().await;
    let pool = hub.store.pool();
    halts::note(pool, "relay", "the stream belongs to another log").await;
    halts::note(pool, STAGE, "stopped at position 5: no model").await;
    checkpoint::load(pool, "projector-tickets").await.unwrap();
    let projector = database::pool(hub.database.url(), "projector", 1).unwrap();
    let _connected = projector.acquire().await.unwrap();
    let answer = hub.hubctl(&["why-stuck"]).await;
    answer.says("relay: halted 0 s ago: the stream belongs to another log (it tries again by itself)");
    answer.says("analyzer: at position 4, 1 behind, halted 0 s ago: stopped at position 5: no model");
    answer.says("led by nobody, although projector is running: its /health says why");
    let leadership = Leadership::acquire(pool, STAGE, &CancellationToken::new()).await.unwrap();
    let led = hub.hubctl(&["why-stuck"]).await;
    led.says("analyzer: at position 4, 1 behind, led by test (session ");
    led.says(", halted ");
    leadership.release().await;
    sqlx::query("update subscription.halts set halted_at = halted_at - interval '1 hour'")
        .execute(pool)
        .await
        .unwrap();
    hub.hubctl(&["why-stuck"]).await.says("relay: led by nobody: is its process running?");
}

#[tokio::test]
async fn why_stuck_names_who_holds_the_head_of_the_log() {
    let hub = Hub::start().await;
    hub.append(1..=1).await;
    let mut holder = hub.store.pool().begin().await.unwrap();
    sqlx::query("select from log.append_lock for update").execute(&mut *holder).await.unwrap();
    let waiting = async {
        hub.append(2..=2).await;
    };
    let asking = async {
        loop {
            let answer = hub.hubctl(&["why-stuck"]).await;
            if answer.out.contains("waits") {
                break answer;
            }
        }
    };
    tokio::select! {
        () = waiting => panic!("nothing held the head"),
        answer = asking => answer.says("idle in transaction"),
    }
}
