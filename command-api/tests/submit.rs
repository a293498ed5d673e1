//! `POST /api/tickets`, as clients see it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "these tests need the answers, not the database")]
mod support;

use axum::{body::Body, http::Request};
use schemas::{Position, TicketEvent, TicketId, Version, event::TicketSubmitted};
use serde_json::{Value, json};
use support::{CommandSide, ticket};

async fn submitted(side: &CommandSide, id: &Value) -> (schemas::Envelope, TicketSubmitted) {
    let id: TicketId = id.as_str().unwrap().parse().unwrap();
    let mut past = side.store.read_stream(id, Version::NONE).await.unwrap();
    let envelope = past.remove(0);
    let TicketEvent::Submitted(event) = envelope.event().unwrap() else { panic!("a submission comes first") };
    (envelope, event)
}

#[tokio::test]
async fn a_ticket_is_answered_as_document_000_clients_expect() {
    let side = CommandSide::start().await;
    let answer = side.post(&[], ticket().to_string()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["success"], true);
    assert_eq!(answer.body["aiAnalysis"], Value::Null);
    let data = &answer.body["data"];
    assert_eq!((&data["name"], &data["email"]), (&json!("Ada Lovelace"), &json!("ada@example.com")));
    assert_eq!((&data["number"], &data["position"]), (&json!(1), &json!(1)));
    assert_eq!(answer.header("location"), data["url"].as_str().unwrap());
}

#[tokio::test]
async fn the_log_holds_the_ticket_and_no_personal_data_in_clear() {
    let side = CommandSide::start().await;
    let answer = side.post(&[], ticket().to_string()).await;
    let (envelope, event) = submitted(&side, &answer.body["data"]["id"]).await;
    let row = serde_json::to_string(&envelope).unwrap();
    for clear in ["Ada", "Lovelace", "example.com", "VPN", "ten minutes"] {
        assert!(!row.contains(clear), "{clear} is readable in {row}");
    }
    let open = async |sealed, field| side.keys.open_sealed(sealed, envelope.id, field).await.unwrap();
    assert_eq!(open(&event.requester.name, "name").await, "Ada Lovelace");
    assert_eq!(open(&event.requester.email, "email").await, "ada@example.com");
    assert_eq!(
        open(&event.description, "description").await,
        "The VPN drops every ten minutes since the update."
    );
}

#[tokio::test]
async fn every_wrong_field_is_listed_and_nothing_is_appended() {
    let side = CommandSide::start().await;
    let body = json!({ "name": "A", "email": "x", "requestType": "Plumbing", "description": "short" });
    let answer = side.post(&[], body.to_string()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(
        (&answer.body["success"], &answer.body["error"]),
        (&json!(false), &json!("Validation failed"))
    );
    let fields: Vec<_> = answer.body["details"].as_array().unwrap().iter().map(|d| &d["field"]).collect();
    assert_eq!(fields, ["name", "email", "requestType", "description"]);
    assert_eq!(side.store.head().await.unwrap(), Position::START);
}

#[tokio::test]
async fn missing_fields_are_listed_like_wrong_ones() {
    let side = CommandSide::start().await;
    let answer = side.post(&[], json!({ "name": "Ada" }).to_string()).await;
    let fields: Vec<_> = answer.body["details"].as_array().unwrap().iter().map(|d| &d["field"]).collect();
    assert_eq!(answer.status, 400);
    assert_eq!(fields, ["email", "requestType", "description"]);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_explained() {
    let side = CommandSide::start().await;
    let mut unknown = ticket();
    unknown["priority"] = json!("Critical");
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for (body, status, hint) in [
        ("{".to_owned(), 400, "line 1"),
        (unknown.to_string(), 400, "unknown field `priority`"),
        (json!({ "name": 5 }).to_string(), 400, "invalid type"),
        (deep, 400, "nested deeper"),
        (json!({ "name": "x".repeat(70_000) }).to_string(), 413, "64 KiB"),
        (format!("\"{}\"", "x".repeat(20_000_000)), 413, "too large"),
    ] {
        let answer = side.post(&[], body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains(hint), "{}", answer.body);
    }
    let plain =
        Request::post("/api/tickets").header("content-type", "text/plain").body(Body::from("hi")).unwrap();
    assert_eq!(side.send(plain).await.status, 415);
}

#[tokio::test]
async fn other_paths_and_methods_get_a_problem_too() {
    let side = CommandSide::start().await;
    let lost = side.send(Request::get("/nowhere").body(Body::empty()).unwrap()).await;
    assert_eq!((lost.status.as_u16(), &lost.body["success"]), (404, &json!(false)));
    let wrong = side.send(Request::put("/api/tickets").body(Body::empty()).unwrap()).await;
    assert_eq!((wrong.status.as_u16(), &wrong.body["success"]), (405, &json!(false)));
}

#[tokio::test]
async fn a_page_of_a_known_origin_may_call_and_another_may_not() {
    let side = CommandSide::start().await;
    for (origin, allowed) in [("http://localhost:5173", "http://localhost:5173"), ("http://evil.example", "")]
    {
        let preflight = Request::options("/api/tickets")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,idempotency-key");
        let answer = side.send(preflight.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, allowed));
    }
}

#[tokio::test]
async fn the_same_key_and_request_answer_the_same_ticket() {
    let side = CommandSide::start().await;
    let key = [("idempotency-key", "order-66")];
    let first = side.post(&key, ticket().to_string()).await;
    let spaced = serde_json::to_string_pretty(&ticket()).unwrap();
    let again = side.post(&key, spaced).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let mut other = ticket();
    other["name"] = json!("Somebody Else");
    assert_eq!(side.post(&key, other.to_string()).await.status, 422);
    assert_eq!(side.store.head().await.unwrap(), Position(1));
}

#[tokio::test]
async fn a_client_may_prefer_not_to_wait() {
    let side = CommandSide::start().await;
    let answer = side.post(&[("prefer", "respond-async")], ticket().to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, "respond-async"));
}

#[tokio::test]
async fn waiting_in_vain_still_answers_the_ticket() {
    let side = CommandSide::start().await;
    let answer = side.post(&[("prefer", "wait=0")], ticket().to_string()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["aiAnalysis"]), (201, &Value::Null));
}

#[tokio::test]
async fn a_recording_is_kept_beside_the_log() {
    let side = CommandSide::start().await;
    let mut body = ticket();
    // "RIFF", a length, "WAVEfmt ": the smallest thing that is a WAV file.
    body["audioBase64"] = json!("UklGRiQAAABXQVZFZm10IAAAAAAAAAAA");
    let answer = side.post(&[], body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let (_, event) = submitted(&side, &answer.body["data"]["id"]).await;
    let [attachment] = event.attachments.as_slice() else { panic!("one attachment") };
    let kept = side.keys.attachment(&event.requester.id, &attachment.sha256).await.unwrap().unwrap();
    assert_eq!(kept.len() as u64, attachment.bytes);
    body["audioBase64"] = json!("bm90IGF1ZGlvIGF0IGFsbA==");
    let refused = side.post(&[], body.to_string()).await;
    assert_eq!((refused.status.as_u16(), &refused.body["details"][0]["field"]), (400, &json!("audioBase64")));
}

#[tokio::test]
async fn one_trace_runs_from_the_request_into_the_log() {
    let side = CommandSide::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = side.post(&[("traceparent", traceparent)], ticket().to_string()).await;
    let (envelope, _) = submitted(&side, &answer.body["data"]["id"]).await;
    assert_eq!(envelope.metadata.traceparent.as_deref(), Some(traceparent));
}
