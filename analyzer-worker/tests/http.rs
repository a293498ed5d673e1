//! `POST /analyze` and `/health`, with the real model.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use analyzer_worker::{engine::Engine, http};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use service_host::{Health, cors::Cors};
use tower::ServiceExt as _;

fn service() -> Router {
    service_on(support::engine())
}

fn service_on(engine: Engine) -> Router {
    let model = engine.clone();
    let health = Health::new(PrometheusBuilder::new().build_recorder().handle())
        .fact("model_loaded", move || model.is_ready().into());
    service_host::http::dress(http::router(engine, health), &Cors::none())
}

async fn post(service: &Router, body: impl Into<Body>) -> (StatusCode, String, Value) {
    let request =
        Request::post("/analyze").header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let media_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, media_type, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn an_answer_has_the_four_plain_members_and_the_full_result() {
    let service = service();
    let body = json!({ "description": support::TICKET, "requestType": "Network", "audioBase64": null });
    let (status, _, answer) = post(&service, body.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["category"], answer["analysis"]["category"]["label"]);
    assert_eq!(answer["priority"], answer["analysis"]["priority"]["label"]);
    assert_eq!(answer["summary"], answer["analysis"]["summary"]);
    assert!(answer["entities"].as_array().unwrap().contains(&json!("srv-fs01")));
    assert_eq!(answer["analysis"].get("embedding"), None, "it says what the text is about");
    assert!(serde_json::from_value::<schemas::Analysis>(answer["analysis"].clone()).is_ok());
}

#[tokio::test]
async fn a_text_the_model_has_not_learned_to_read_needs_a_person() {
    let text = "Wir wurden gehackt, alle Dateien sind verschlüsselt, bitte sofort helfen!";
    let body = json!({ "description": text, "requestType": "General" });
    let (_, _, answer) = post(&service(), body.to_string()).await;
    let analysis = &answer["analysis"];
    assert_eq!((&analysis["needsReview"], &analysis["language"]), (&json!(true), &json!("de")));
    let reason = "the text is in German, which the model has not learned";
    assert_eq!(analysis["priority"]["reasons"][0], reason);
}

#[tokio::test]
async fn what_cannot_be_analyzed_is_refused_with_a_problem() {
    let service = service();
    let long = "x".repeat(2001);
    for body in [
        "{".to_owned(),
        json!({ "description": "a", "requestType": "Network", "colour": "red" }).to_string(),
        json!({ "requestType": "Network" }).to_string(),
        json!({ "description": "", "requestType": "Network" }).to_string(),
        json!({ "description": " \n", "requestType": "Network" }).to_string(),
        json!({ "description": long, "requestType": "Network" }).to_string(),
        json!({ "description": "a", "requestType": "" }).to_string(),
    ] {
        let (status, media_type, problem) = post(&service, body.clone()).await;
        assert_eq!(
            (status, media_type.as_str()),
            (StatusCode::BAD_REQUEST, "application/problem+json"),
            "{body:.60}"
        );
        assert_eq!(problem["success"], false);
    }
    let (_, _, problem) =
        post(&service, json!({ "description": "", "requestType": "Network" }).to_string()).await;
    assert_eq!(problem["details"][0]["field"], "description");
}

#[tokio::test]
async fn a_recording_is_refused_and_not_passed_over() {
    let service = service();
    let body = |recording: Value| {
        json!({ "description": support::TICKET, "requestType": "Network", "audioBase64": recording })
            .to_string()
    };
    let (status, media_type, problem) = post(&service, body(json!("UklGRiQAAABXQVZF"))).await;
    assert_eq!((status, media_type.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json"));
    assert!(problem["detail"].as_str().unwrap().contains("POST /api/tickets"), "{problem}");
    assert_eq!(problem["details"][0]["field"], "audioBase64");
    assert_eq!(post(&service, body(json!(""))).await.0, StatusCode::OK, "nothing was recorded");
}

#[tokio::test]
async fn the_health_answer_says_that_the_model_is_loaded() {
    let response = service().oneshot(Request::get("/health").body(Body::empty()).unwrap()).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let health: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&health["status"], &health["model_loaded"]), (&json!("healthy"), &json!(true)));
}

#[tokio::test]
async fn under_load_a_client_is_answered_by_the_model_or_asked_to_come_back() {
    let service = service_on(support::own_engine());
    // Polled in turns by one thread: all are there before the first is answered.
    let all = (0..40).map(|n| {
        let body = json!({ "description": format!("{} ({n})", support::TICKET), "requestType": "Network" });
        let request = Request::post("/analyze").header(header::CONTENT_TYPE, "application/json");
        service.clone().oneshot(request.body(Body::from(body.to_string())).unwrap())
    });
    let (mut answered, mut refused) = (0, 0);
    for response in futures::future::join_all(all).await {
        let response = response.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status == StatusCode::OK {
            assert_eq!(body["analysis"]["degraded"], false);
            answered += 1;
        } else {
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(headers[header::RETRY_AFTER], "1");
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(body["success"], false);
            refused += 1;
        }
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
}
