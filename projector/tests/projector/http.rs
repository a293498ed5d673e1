//! What holds for every route.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};

use projector::http::docs;

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

/// Every route there is, of the first ticket where it is of one.
fn documented_paths() -> Vec<String> {
    let document = docs::own();
    document["paths"].as_object().unwrap().keys().map(|path| path.replace("{id}", "1")).collect()
}

#[tokio::test]
async fn no_question_takes_a_parameter_that_is_no_text() {
    let hub = Hub::start().await;
    for path in documented_paths() {
        for (query, reason) in [
            ("minPosition=%zz", "minPosition: after % come two hexadecimal digits"),
            ("from=%FF", "from: the % escapes are not UTF-8"),
        ] {
            let detail = hub.refusal(&format!("{path}?{query}"), StatusCode::BAD_REQUEST).await;
            assert!(detail.contains(reason), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn no_question_takes_a_parameter_without_a_value() {
    let hub = Hub::start().await;
    let document = docs::own();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "1");
        let parameters = methods["get"]["parameters"].as_array().unwrap().iter();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let detail = hub.refusal(&format!("{path}?{name}="), StatusCode::BAD_REQUEST).await;
            assert!(detail.contains(name), "{path} {name}: {detail}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_the_head_alone_is_answered_the_same_without_a_body() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    // The stream has no end to wait for.
    for path in documented_paths().into_iter().filter(|path| path != "/api/events") {
        let whole = hub.get(&path).await;
        let head = send(hub.router(), Request::head(&path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status, head.text.as_str()), (whole.status, ""), "{path}");
        for name in ["etag", "content-type", "cache-control"] {
            assert_eq!(head.header(name), whole.header(name), "{path}: {name}");
        }
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
