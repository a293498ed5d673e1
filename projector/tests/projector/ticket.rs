//! One ticket.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use projector::projection::erasure::erase;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    asking::{Reply, send},
    events::{DESCRIPTION, LABELS, Labels},
    hub::{Hub, ticket_id},
};

#[tokio::test]
async fn a_ticket_shows_everything_that_happened_to_it() {
    let hub = Hub::start().await;
    hub.whole_journey().await;
    hub.settled().await;
    let mut ticket = hub.data(&format!("/api/tickets/{}", ticket_id(1))).await;
    for time in ["createdAt", "analyzedAt", "updatedAt"] {
        assert!(ticket[time].take().is_string(), "{time}");
    }
    let host = json!({ "text": "srv-fs01", "label": "HOST", "start": 0, "end": 8, "confidence": 0.97 });
    let analysis = ticket["analysis"].take();
    assert_eq!((&analysis["summary"], &analysis["entities"]), (&json!("srv-fs01 is down"), &json!([host])));
    assert_eq!((&analysis["durationMs"], &analysis["category"]["confidence"]), (&json!(14), &json!(0.93)));
    assert_eq!(
        ticket,
        json!({
            "id": ticket_id(1), "number": 1, "name": "Ada Lovelace", "email": "ada@example.com",
            "requestType": "Network", "description": DESCRIPTION, "status": "open", "assignee": null,
            "category": "Network", "priority": "High", "sentiment": "negative", "kind": "technical", "route": "live-chat",
            "urgency": 8, "emotion": "frustration", "language": "en", "summary": "srv-fs01 is down", "entities": [host], "needsReview": false,
            "degraded": false, "corrected": false, "analysis": null, "createdAt": null, "analyzedAt": null,
            "updatedAt": null,
            "crm": { "system": "zoho", "recordId": "352071000000020001", "status": "delivered" },
            "position": 3, "version": 3,
        })
    );
}

#[tokio::test]
async fn a_ticket_is_found_by_its_number_too() {
    let hub = Hub::start().await;
    hub.submit(7, "ada@example.com", "Network").await;
    hub.submit(8, "ada@example.com", "Network").await;
    hub.settled().await;
    assert_eq!(hub.data("/api/tickets/2").await["id"], ticket_id(8).to_string());
}

#[tokio::test]
async fn a_ticket_that_is_not_there_and_text_that_names_none_answer_the_same() {
    let hub = Hub::start().await;
    let unknown = ticket_id(9).to_string();
    for name in [unknown.as_str(), "1", "abc", "stats", "%FF", "tkt_", "99999999999999999999"] {
        for path in [format!("/api/tickets/{name}"), format!("/api/tickets/{name}/events")] {
            assert_eq!(hub.refusal(&path, StatusCode::NOT_FOUND).await, "there is no such ticket");
        }
    }
}

#[tokio::test]
async fn before_the_analysis_its_members_are_empty() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    let ticket = hub.data("/api/tickets/1").await;
    for member in ["category", "priority", "sentiment", "summary", "analysis", "analyzedAt"] {
        assert_eq!(ticket[member], Value::Null, "{member}");
    }
    assert_eq!(ticket["entities"], json!([]));
    assert_eq!(ticket["crm"], json!({ "system": null, "recordId": null, "status": "pending" }));
}

#[tokio::test]
async fn a_better_answer_replaces_a_degraded_one() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.analyze(1, "ada@example.com", Labels { category: "General", degraded: true, ..LABELS }).await;
    hub.settled().await;
    let before = hub.data("/api/tickets/1").await;
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.settled().await;
    let after = hub.data("/api/tickets/1").await;
    assert_eq!((&before["category"], &before["degraded"]), (&json!("General"), &json!(true)));
    assert_eq!((&after["category"], &after["degraded"]), (&json!("Network"), &json!(false)));
    assert_eq!(before["analyzedAt"], after["analyzedAt"], "the requester waited for the first answer");
}

#[tokio::test]
async fn a_ticket_nobody_could_analyze_or_deliver_says_so() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.fail_analysis(1).await;
    hub.park(1).await;
    hub.settled().await;
    let ticket = hub.data("/api/tickets/1").await;
    assert_eq!(ticket["needsReview"], true);
    assert_eq!(ticket["crm"], json!({ "system": "zoho", "recordId": null, "status": "parked" }));
}

#[tokio::test]
async fn whoever_has_the_current_ticket_is_not_sent_it_again() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    let first = hub.get("/api/tickets/1").await;
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let again = get_unless(&hub, first.header("etag")).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(again.header("etag"), first.header("etag"));
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.settled().await;
    assert_eq!(get_unless(&hub, first.header("etag")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_has_one_weak_tag_however_it_is_compressed() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    for path in ["/api/tickets/1", "/api/tickets", "/api/tickets/stats/summary", "/api/analytics/series"] {
        let ask = |name: &str, value: &str| {
            let request = Request::get(path).header(name, value).body(Body::empty()).unwrap();
            hub.router().oneshot(request)
        };
        let (plain, packed) = (hub.get(path).await, ask("accept-encoding", "gzip").await.unwrap());
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{path}");
        let tag = plain.header("etag");
        assert!(tag.starts_with("W/\"") && packed.headers()["etag"] == tag, "{path}: {tag}");
        for known in [tag, tag.trim_start_matches("W/"), &format!("\"other\", {tag}")] {
            let known = ask("if-none-match", known).await.unwrap();
            assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
            for same in ["etag", "vary", "cache-control"] {
                assert_eq!(known.headers()[same], plain.header(same), "{path}: {same}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_has_the_ticket_of_an_erased_requester_is_sent_it_again() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    let before = hub.get("/api/tickets/1").await;
    let ada = hub.keys.requester_id("ada@example.com");
    erase(&mut hub.pool().acquire().await.unwrap(), &ada).await.unwrap();
    let after = get_unless(&hub, before.header("etag")).await;
    assert_eq!(after.status, StatusCode::OK, "nothing of the person stays in a cache");
    assert_eq!((after.json()["data"]["email"].clone(), after.header("etag")), (json!(null), "W/\"1\""));
}

async fn get_unless(hub: &Hub, tag: &str) -> Reply {
    let request = Request::get("/api/tickets/1").header("if-none-match", tag).body(Body::empty()).unwrap();
    send(hub.router(), request).await
}

#[tokio::test]
async fn a_client_that_waits_for_its_position_reads_its_own_write() {
    let hub = Hub::start().await;
    for n in 1..=3 {
        let written = hub.submit(n, "ada@example.com", "Network").await;
        let path = format!("/api/tickets/{}?minPosition={}", ticket_id(n), written.position);
        assert_eq!(hub.data(&path).await["number"], json!(n));
    }
}

#[tokio::test]
async fn a_ticket_that_is_new_is_waited_for_not_denied() {
    let mut hub = Hub::without_projection().await;
    let new = hub.submit(1, "ada@example.com", "Network").await;
    let ask = |path: String| {
        let request = Request::get(format!("/api/tickets/{path}")).body(Body::empty()).unwrap();
        tokio::spawn(send(hub.router(), request))
    };
    let by_id = ["", "/events", "/journey", "/requester", "/similar"];
    let mut asked: Vec<_> = by_id.iter().map(|question| ask(format!("{}{question}", new.ticket))).collect();
    asked.push(ask(new.position.to_string()));
    tokio::task::yield_now().await;
    hub.start_projection();
    for reply in asked {
        let reply = reply.await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
}

#[tokio::test]
async fn every_question_about_a_ticket_waits_for_a_position_and_refuses_what_it_does_not_know() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    for question in ["events", "journey", "requester", "similar"] {
        let written = hub.resolve(1, "Done.").await;
        let path = format!("/api/tickets/1/{question}");
        hub.data(&format!("{path}?minPosition={}", written.position)).await;
        assert!(hub.progress.position() >= written.position, "{question}");
        hub.reopen(1, "Not done.").await;
        let detail = hub.refusal(&format!("{path}?wait=1"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains("unknown field `wait`"), "{question}: {detail}");
        hub.refusal(&format!("{path}?minPosition=1000"), StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn a_ticket_is_shown_as_it_was() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await; // 1
    hub.analyze(1, "ada@example.com", LABELS).await; // 2
    hub.assign(1, "agent-7").await; // 3
    hub.resolve(1, "Done.").await; // 4
    hub.settled().await;
    let at = async |position: i64| hub.data(&format!("/api/tickets/1?asOfPosition={position}")).await;
    assert_eq!(
        (at(1).await["category"].clone(), at(1).await["status"].clone()),
        (json!(null), json!("open"))
    );
    assert_eq!(
        (at(2).await["category"].clone(), at(2).await["assignee"].clone()),
        (json!("Network"), json!(null))
    );
    assert_eq!(
        (at(3).await["assignee"].clone(), at(3).await["status"].clone()),
        (json!("agent-7"), json!("open"))
    );
    assert_eq!(at(4).await, hub.data("/api/tickets/1").await);
    let then = at(2).await["updatedAt"].as_str().unwrap().to_owned();
    assert_eq!(hub.data(&format!("/api/tickets/1?asOf={then}")).await, at(2).await);
    hub.refusal("/api/tickets/1?asOf=2020-01-01T00:00:00Z", StatusCode::NOT_FOUND).await;
    hub.refusal("/api/tickets/1?asOf=2020-01-01T00:00:00Z&asOfPosition=1", StatusCode::BAD_REQUEST).await;
}
