//! What people did with a ticket.

use projector::projection::erasure::erase;
use schemas::work::{Decided, Decision};
use serde_json::{Value, json};

use crate::{
    deeds::ADA,
    events::{LABELS, Labels},
    hub::Hub,
    projection::read_model,
    rebuild::exchange_all,
};

fn label(text: &str) -> Decided {
    Decided::Label(text.to_owned())
}

/// A hub whose first ticket is analyzed and whose projection has seen it.
async fn analyzed() -> Hub {
    let hub = Hub::start().await;
    hub.submit(1, ADA, "Network").await;
    hub.analyze(1, ADA, LABELS).await;
    hub
}

async fn ticket(hub: &Hub) -> Value {
    hub.settled().await;
    hub.data("/api/tickets/1").await
}

#[tokio::test]
async fn the_status_follows_the_work() {
    let hub = analyzed().await;
    assert_eq!(ticket(&hub).await["status"], "open");
    hub.resolve(1, "Replaced the cable.").await;
    assert_eq!(ticket(&hub).await["status"], "resolved");
    hub.confirm(1, 5).await;
    assert_eq!(ticket(&hub).await["status"], "resolved");
    hub.close(1).await;
    assert_eq!(ticket(&hub).await["status"], "closed");
    hub.reopen(1, "It drops again.").await;
    let reopened = ticket(&hub).await;
    assert_eq!((&reopened["status"], &reopened["version"]), (&json!("open"), &json!(6)));
}

#[tokio::test]
async fn the_assignee_is_the_latest_one() {
    let hub = analyzed().await;
    assert_eq!(ticket(&hub).await["assignee"], Value::Null);
    hub.assign(1, "agent-7").await;
    hub.assign(1, "network").await;
    hub.close(1).await;
    assert_eq!(ticket(&hub).await["assignee"], "network");
}

#[tokio::test]
async fn every_corrected_label_is_shown_and_the_analyzers_own_words_stay() {
    let hub = analyzed().await;
    assert_eq!(ticket(&hub).await["corrected"], false);
    let corrections = [
        (Decision::Category, label("Cloud")),
        (Decision::Priority, label("Critical")),
        (Decision::Kind, label("urgent")),
        (Decision::Sentiment, label("neutral")),
        (Decision::Emotion, label("none")),
        (Decision::Urgency, Decided::Level(10)),
        (Decision::Route, label("video-call")),
        (Decision::Language, label("de")),
    ];
    for (field, to) in &corrections {
        hub.correct(1, *field, to.clone()).await;
    }
    let ticket = ticket(&hub).await;
    assert_eq!(ticket["corrected"], true);
    for (field, to) in corrections {
        assert_eq!(ticket[field.name()], json!(to), "{field}");
    }
    assert_eq!(ticket["analysis"]["category"]["label"], "Network");
}

#[tokio::test]
async fn the_latest_correction_counts_and_outlasts_a_later_analysis() {
    let hub = analyzed().await;
    hub.correct(1, Decision::Category, label("Cloud")).await;
    hub.correct(1, Decision::Category, label("Security")).await;
    hub.analyze(1, ADA, Labels { category: "Hardware", route: "co-browse", ..LABELS }).await;
    let ticket = ticket(&hub).await;
    assert_eq!((&ticket["category"], &ticket["route"]), (&json!("Security"), &json!("co-browse")));
    assert_eq!(
        (&ticket["corrected"], &ticket["analysis"]["category"]["label"]),
        (&json!(true), &json!("Hardware"))
    );
}

#[tokio::test]
async fn a_corrected_reading_is_shown_and_outlasts_a_later_analysis() {
    let hub = analyzed().await;
    hub.correct_summary(1, "The file server is slow.").await;
    hub.correct_summary(1, "The file server is down.").await;
    hub.analyze(1, ADA, LABELS).await;
    let seen = ticket(&hub).await;
    assert_eq!((&seen["summary"], &seen["corrected"]), (&json!("The file server is down."), &json!(true)));
    assert_eq!(seen["analysis"]["summary"], "The file server is down.");
    assert_eq!(seen["entities"][0]["text"], "srv-fs01", "the analyzer's, of which nobody said anything");
    hub.correct_entities(1, &[("srv-fs02", "HOST")]).await;
    hub.analyze(1, ADA, LABELS).await;
    let seen = ticket(&hub).await;
    let entity = json!({ "text": "srv-fs02", "label": "HOST", "start": 0, "end": 8, "confidence": 1.0 });
    assert_eq!((&seen["entities"], &seen["summary"]), (&json!([entity]), &json!("The file server is down.")));
    hub.correct_entities(1, &[]).await;
    assert_eq!(ticket(&hub).await["entities"], json!([]));
}

#[tokio::test]
async fn corrected_entities_and_labels_count() {
    let hub = analyzed().await;
    hub.correct_entities(1, &[("Outlook", "PRODUCT")]).await;
    hub.correct(1, Decision::Emotion, label("anger")).await;
    hub.correct(1, Decision::Language, label("de")).await;
    hub.settled().await;
    let summary = hub.data("/api/tickets/stats/summary").await;
    assert_eq!(summary["byEmotion"], json!({ "anger": 1 }));
    assert_eq!(summary["byLanguage"], json!({ "de": 1 }));
    assert_eq!(summary["topTopics"][0]["name"], "Outlook");
    for (of, from, to) in [("emotion", "frustration", "anger"), ("language", "en", "de")] {
        let confusion = hub.data(&format!("/api/analytics/confusion?of={of}")).await;
        assert_eq!(confusion["pairs"], json!([{ "from": from, "to": to, "tickets": 1 }]));
    }
}

#[tokio::test]
async fn nothing_of_a_corrected_reading_outlives_the_requester() {
    let mut hub = analyzed().await;
    hub.correct_summary(1, "The file server is down.").await;
    hub.correct_entities(1, &[("Outlook", "PRODUCT")]).await;
    hub.settled().await;
    let ada = hub.keys.requester_id(ADA);
    sqlx::raw_sql("delete from personal.requester_keys").execute(hub.pool()).await.unwrap();
    hub.forget_keys().await;
    erase(&mut hub.pool().acquire().await.unwrap(), &ada).await.unwrap();
    let erased = ticket(&hub).await;
    assert_eq!((&erased["summary"], &erased["entities"]), (&Value::Null, &json!([])));
    let events = hub.data("/api/tickets/1/events").await;
    for n in [2, 3] {
        let details = &events[n]["details"];
        assert_eq!((&details["to"], &details["reason"]), (&Value::Null, &Value::Null));
    }
    let rows = read_model(&hub).await;
    for clear in ["file server", "Outlook"] {
        let left = rows.iter().find(|row| row.to_string().contains(clear));
        assert_eq!(left, None, "{clear}");
    }
    exchange_all(&hub).await;
    assert_eq!(read_model(&hub).await, rows);
}

#[tokio::test]
async fn lists_and_counts_go_by_what_people_decided() {
    let hub = Hub::start().await;
    for n in 1..=4 {
        hub.submit(n, ADA, "Network").await;
        hub.analyze(n, ADA, LABELS).await;
    }
    hub.assign(1, "agent-7").await;
    hub.assign(2, "agent-7").await;
    hub.assign(2, "agent-8").await;
    hub.resolve(2, "Done.").await;
    hub.close(3).await;
    hub.correct(4, Decision::Category, label("Cloud")).await;
    hub.settled().await;
    let numbers = async |query: &str| {
        let tickets = hub.data(&format!("/api/tickets?sort=oldest&{query}")).await;
        tickets
            .as_array()
            .unwrap()
            .iter()
            .map(|ticket| ticket["number"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("assignee=agent-7").await, [1]);
    assert_eq!(numbers("assignee=agent-8&status=resolved").await, [3]);
    assert_eq!(numbers("assignee=nobody").await, [] as [i64; 0]);
    assert_eq!(numbers("status=closed").await, [5]);
    assert_eq!(numbers("category=Cloud").await, [7]);
    let summary = hub.data("/api/tickets/stats/summary").await;
    assert_eq!(summary["byStatus"], json!({ "open": 2, "resolved": 1, "closed": 1 }));
    assert_eq!(summary["byCategory"], json!({ "Network": 3, "Cloud": 1 }));
}

#[tokio::test]
async fn the_events_of_a_ticket_tell_what_people_wrote() {
    let hub = analyzed().await;
    hub.work_on(1).await;
    hub.settled().await;
    let events = hub.data("/api/tickets/1/events").await;
    let told: Vec<_> = events.as_array().unwrap()[2..].iter().map(|event| event["details"].clone()).collect();
    let id = |n: usize| events[n]["eventId"].clone();
    let correction = |n, field, to: Value| {
        json!({
            "field": field, "from": "before", "to": to, "by": "anonymous", "analysisId": id(n),
            "reason": "srv-fs01 is a rented one",
        })
    };
    let reading = |n, field, value: Value| {
        json!({
            "field": field, "to": value, "by": "anonymous", "analysisId": id(n), "reason": "srv-fs01 is a rented one",
        })
    };
    let named = |text: &str, label| json!({ "text": text, "label": label, "start": 0, "end": text.len(), "confidence": 1.0 });
    assert_eq!(
        told,
        [
            json!({ "assignee": "agent-7" }),
            json!({ "text": "Looking into it." }),
            correction(4, "category", json!("Cloud")),
            correction(5, "urgency", json!(10)),
            reading(6, "summary", json!("The rented line is cut.")),
            reading(7, "entities", json!([named("srv-fs02", "HOST"), named("Teams", "PRODUCT")])),
            correction(8, "language", json!("de")),
            correction(9, "emotion", json!("anger")),
            json!({ "resolution": "Replaced the cable." }),
            json!({ "score": 4 }),
            json!({}),
            json!({ "reason": "It drops again." }),
        ]
    );
}

#[tokio::test]
async fn the_read_model_and_the_journey_hold_what_people_wrote_sealed_only() {
    let hub = analyzed().await;
    hub.work_on(1).await;
    hub.settled().await;
    let rows: Vec<String> = sqlx::query_scalar("select to_jsonb(l)::text from projector.timeline l")
        .fetch_all(hub.pool())
        .await
        .unwrap();
    let journey = hub.get("/api/tickets/1/journey").await;
    for text in ["Looking into it", "rented", "srv-fs02", "Teams", "cable", "drops again"] {
        assert!(!rows.concat().contains(text), "{text}");
        assert!(!journey.text.contains(text), "{text}");
    }
    let hops = &journey.json()["data"]["hops"];
    assert_eq!((&hops[3]["name"], &hops[3]["details"]), (&json!("commented"), &json!({})));
    assert_eq!(
        (&hops[4]["name"], &hops[4]["details"]["to"]),
        (&json!("analysis-corrected"), &json!("Cloud"))
    );
}

#[tokio::test]
async fn what_was_written_about_an_erased_requester_cannot_be_read() {
    let mut hub = analyzed().await;
    hub.work_on(1).await;
    hub.settled().await;
    sqlx::raw_sql("delete from personal.requester_keys").execute(hub.pool()).await.unwrap();
    hub.forget_keys().await;
    let events = hub.data("/api/tickets/1/events").await;
    assert_eq!(events[3]["details"], json!({ "text": null }));
    assert_eq!(
        (&events[4]["details"]["to"], &events[4]["details"]["reason"]),
        (&json!("Cloud"), &Value::Null)
    );
    assert_eq!(events[6]["details"]["to"], Value::Null);
    assert_eq!(events[10]["details"], json!({ "resolution": null }));
}
