//! The read model is a function of the log.

use std::time::Duration;

use projector::projection::{Tickets, search::Search};
use schemas::{EventId, Position, TicketEvent, event::DecodeError};
use serde_json::{Value, json};
use subscription::Projection as _;
use uuid::Uuid;

use crate::{
    events::{LABELS, embedding},
    hub::{Hub, ticket_id},
};

/// Every row of the read model; `projected_at` is the one column that is no function of the log.
pub(crate) async fn read_model(hub: &Hub) -> Vec<Value> {
    sqlx::query_scalar(
        "select to_jsonb(t) from projector.tickets t
         union all select to_jsonb(c) from projector.last_changes c
         union all select to_jsonb(l) - 'projected_at' from projector.timeline l
         union all select to_jsonb(s) from projector.statistics s where count <> 0
         union all select to_jsonb(r) from projector.requesters r
         union all select to_jsonb(e) from projector.embeddings e order by 1",
    )
    .fetch_all(hub.pool())
    .await
    .unwrap()
}

pub(crate) async fn busy_log() -> Hub {
    let hub = Hub::start().await;
    hub.whole_journey().await;
    for n in 2..=5 {
        hub.submit(n, "grace@example.com", "Cloud").await;
        let names = [("0x80070035", "ERROR_CODE"), ("Outlook", "PRODUCT"), ("srv-fs01", "HOST")];
        hub.analyze_naming(n, "grace@example.com", LABELS, &names).await;
    }
    hub.park(2).await;
    hub.deliver(2).await;
    hub.fail_analysis(3).await;
    hub.work_on(1).await;
    hub.settled().await;
    hub
}

#[tokio::test]
async fn applying_the_log_again_changes_nothing() {
    let mut hub = busy_log().await;
    let before = read_model(&hub).await;
    hub.project_again().await;
    hub.settled().await;
    assert_eq!(read_model(&hub).await, before);
}

#[tokio::test]
async fn one_large_batch_makes_the_same_as_many_small_ones() {
    let hub = Hub::without_projection().await;
    hub.whole_journey().await;
    hub.submit(2, "grace@example.com", "Cloud").await;
    hub.analyze(2, "grace@example.com", LABELS).await;
    hub.park(2).await;
    hub.deliver(2).await;
    hub.work_on(1).await;
    apply(&hub, 1).await;
    let grown = read_model(&hub).await;
    let tickets = grown.iter().filter(|row| row.get("description").is_some()).count();
    let events = grown.iter().filter(|row| row.get("event_id").is_some()).count();
    assert_eq!((tickets, events), (2, 19));
    hub.empty().await;
    apply(&hub, 19).await;
    assert_eq!(read_model(&hub).await, grown);
}

/// Applies the whole log, `portion` events at a time.
async fn apply(hub: &Hub, portion: usize) {
    let tickets = Tickets::new(hub.keys.clone());
    let mut connection = hub.pool().acquire().await.unwrap();
    for events in hub.store.read_all(Position::START, 100).await.unwrap().chunks(portion) {
        tickets.apply(&mut connection, events).await.unwrap();
    }
}

#[tokio::test]
async fn an_erased_requesters_ticket_stays_without_the_person() {
    let mut hub = busy_log().await;
    let ada = hub.keys.requester_id("ada@example.com");
    sqlx::query("delete from personal.requester_keys where requester_id = $1")
        .bind(ada.as_str())
        .execute(hub.pool())
        .await
        .unwrap();
    hub.project_anew().await;
    let erased = hub.data("/api/tickets/1").await;
    for member in ["name", "email", "description", "summary"] {
        assert_eq!(erased[member], Value::Null, "{member}");
    }
    assert_eq!((&erased["entities"], &erased["category"]), (&json!([]), &json!("Cloud")));
    assert_eq!(erased["analysis"]["summary"], Value::Null);
    assert_eq!(hub.data("/api/tickets/4").await["email"], "grace@example.com");
}

#[tokio::test]
async fn an_analyzed_ticket_has_a_place_among_the_others_until_its_requester_is_erased() {
    let mut hub = busy_log().await;
    let places = async |hub: &Hub| -> Vec<(i64, String, f32, Vec<u8>)> {
        let query = "select number, space, scale, steps from projector.embeddings order by number";
        sqlx::query_as(query).fetch_all(hub.pool()).await.unwrap()
    };
    let place = |number| (number, "minilm-l6".to_owned(), embedding().scale, vec![127, 129, 64, 0]);
    assert_eq!(places(&hub).await, [1, 4, 6, 8, 10].map(place));
    let grace = hub.keys.requester_id("grace@example.com");
    sqlx::query("delete from personal.requester_keys where requester_id = $1")
        .bind(grace.as_str())
        .execute(hub.pool())
        .await
        .unwrap();
    hub.project_anew().await;
    assert_eq!(places(&hub).await, [place(1)]);
}

#[tokio::test]
async fn an_erased_requester_who_comes_back_stops_nobody() {
    let mut hub = busy_log().await;
    sqlx::raw_sql("delete from personal.requester_keys").execute(hub.pool()).await.unwrap();
    hub.project_anew().await;
    let back = hub.submit(9, "ada@example.com", "Network").await;
    hub.project_anew().await;
    assert_eq!(hub.data("/api/tickets/1").await["email"], Value::Null);
    assert_eq!(hub.data(&format!("/api/tickets/{}", back.position)).await["email"], "ada@example.com");
}

#[tokio::test]
async fn an_event_of_a_newer_build_stands_on_the_timeline_only() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    append_raw(&hub, 1, "hub.ticket.praised.v1", r#"{"by":"everybody"}"#).await;
    hub.settled().await;
    let events = hub.data("/api/tickets/1/events").await;
    assert_eq!((&events[1]["type"], &events[1]["details"]), (&json!("hub.ticket.praised.v1"), &Value::Null));
    let ticket = hub.data("/api/tickets/1").await;
    assert_eq!((&ticket["version"], &ticket["position"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn words_never_overtake_the_tickets_they_belong_to() {
    let hub = Hub::without_projection().await;
    let search = Search::new(hub.keys.clone(), hub.progress.clone());
    let mut may = Box::pin(search.may_apply(Position(2)));
    hub.progress.reset(Position(1));
    assert!(futures::poll!(&mut may).is_pending());
    hub.progress.reset(Position(2));
    may.await;
}

#[tokio::test]
async fn a_malformed_event_stops_the_projection_and_nothing_of_it_is_told() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    append_raw(&hub, 1, "hub.ticket.analyzed.v1", r#"{"category":"secret"}"#).await;
    while hub.progress.problem().is_none() {
        assert_eq!(hub.progress.position(), Position(1), "it was passed over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(hub.progress.position(), Position(1));
    let health = hub.get("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["dependencies"]["projection"]["status"], "down");
    assert!(!health.text.contains("secret"), "{}", health.text);
}

/// Writes an event no build of ours would write, around the typed interface.
async fn append_raw(hub: &Hub, n: u128, type_name: &str, data: &str) {
    assert!(matches!(
        TicketEvent::decode(type_name, &serde_json::value::RawValue::from_string(data.into()).unwrap()),
        Err(DecodeError::UnknownType(_) | DecodeError::Malformed { .. })
    ));
    let id = EventId::new(Uuid::now_v7());
    let metadata = json!({ "correlationid": id, "actor": "system:test" }).to_string();
    sqlx::query(
        "select log.append_batch(array[$1], array[null::integer],
                                 array[1], array[$1], array[null::integer], array[$2], array[$3], array[$4], array[$5],
                                 '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    )
    .bind(ticket_id(n).to_string())
    .bind(id.as_uuid())
    .bind(type_name)
    .bind(data)
    .bind(metadata)
    .execute(hub.pool())
    .await
    .unwrap();
}
