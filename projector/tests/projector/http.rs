//! What holds for every route.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};

use crate::{asking::send, hub::Hub};

#[tokio::test]
async fn fixed_paths_win_over_ticket_ids() {
    let hub = Hub::start().await;
    assert_eq!(hub.data("/api/tickets/stats/summary").await["total"], 0);
    assert_eq!(hub.get("/api/tickets/health/status").await.json()["status"], "healthy");
}

#[tokio::test]
async fn health_names_the_dependencies_and_how_far_the_projection_is() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    let health = hub.get("/health").await.json();
    assert_eq!(health["dependencies"]["postgres"]["status"], "up");
    assert_eq!(health["projectedPosition"], 1);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(hub.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem() {
    let hub = Hub::start().await;
    for path in ["/api/ticket", "/api/tickets/1/nothing", "/nowhere"] {
        hub.refusal(path, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn pages_of_the_listed_origins_may_call_and_no_others() {
    let hub = Hub::start().await;
    for (origin, allowed) in [("http://localhost:5173", "http://localhost:5173"), ("http://evil.example", "")]
    {
        // The second path is the command side's: the gateway sends its preflights here.
        for path in ["/api/tickets", "/api/tickets/1/comments"] {
            let preflight = Request::options(path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .body(Body::empty())
                .unwrap();
            let reply = send(hub.router(), preflight).await;
            assert_eq!(reply.header("access-control-allow-origin"), allowed, "{origin} {path}");
        }
    }
}
