//! A ticket's events and its way to the CRM.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    events::LABELS,
    hub::{Hub, ticket_id},
};

fn names(journey: &Value) -> Vec<&str> {
    journey["hops"].as_array().unwrap().iter().map(|hop| hop["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_journey_times_every_hop_to_the_crm_record() {
    let hub = Hub::start().await;
    hub.whole_journey().await;
    hub.settled().await;
    let journey = hub.data(&format!("/api/tickets/{}/journey", ticket_id(1))).await;
    assert_eq!(names(&journey), ["submitted", "analyzed", "crm-record-created"]);
    let [submitted, analyzed, delivered] = journey["hops"].as_array().unwrap().as_slice() else {
        panic!("three hops: {journey}")
    };
    assert_eq!((&submitted["sincePreviousMs"], &submitted["sinceSubmitMs"]), (&json!(0.0), &json!(0.0)));
    let ms = |hop: &Value, member: &str| hop[member].as_f64().unwrap();
    let sum = ms(analyzed, "sincePreviousMs") + ms(delivered, "sincePreviousMs");
    assert!((ms(delivered, "sinceSubmitMs") - sum).abs() < 0.01, "{journey}");
    assert_eq!((&journey["complete"], &journey["totalMs"]), (&json!(true), &delivered["sinceSubmitMs"]));
    for hop in [submitted, analyzed, delivered] {
        assert!(hop["eventId"].is_string() && hop["at"].is_string() && hop["projectedAt"].is_string());
    }
    let record = json!({
        "system": "zoho", "recordId": "352071000000020001", "how": "posted", "attempts": 2, "batch": "b_1",
    });
    assert_eq!((&delivered["position"], &delivered["details"]), (&json!(3), &record));
}

#[tokio::test]
async fn a_journey_under_way_is_not_complete() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.park(1).await;
    hub.settled().await;
    let journey = hub.data("/api/tickets/1/journey").await;
    assert_eq!(names(&journey), ["submitted", "crm-delivery-parked"]);
    assert_eq!(
        (&journey["complete"], &journey["totalMs"]),
        (&json!(false), &journey["hops"][1]["sinceSubmitMs"])
    );
    hub.refusal("/api/tickets/2/journey", StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn events_show_what_happened_and_nothing_personal() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.settled().await;
    let events = hub.get("/api/tickets/1/events").await;
    for personal in ["Ada", "ada@", "srv-fs01", "nobody can work", "x1."] {
        assert!(!events.text.contains(personal), "{personal} in {}", events.text);
    }
    let events = &events.json()["data"];
    assert_eq!(events[0]["type"], "hub.ticket.submitted.v1");
    assert_eq!(events[0]["details"], json!({ "requestType": "Network", "attachments": [] }));
    assert_eq!((&events[1]["version"], &events[1]["position"]), (&json!(2), &json!(2)));
    assert_eq!(events[1]["details"]["category"]["confidence"], json!(0.93));
    assert_eq!(events[1]["actor"], "system:test");
}
