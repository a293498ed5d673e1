//! The gateway's own refusals, in the shape of every other error of the API: RFC 9457 `application/problem+json` with
//! the members `success`, `error` and `details` for older clients.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// A service that restarts is back within seconds.
const RETRY_AFTER_SECONDS: &str = "1";
const METHODS: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";

/// The service behind did not answer: 502, or 504 when it was too slow.
pub(super) fn no_answer(status: StatusCode) -> Response {
    let detail = "The service behind this address does not answer. It may be restarting: try again.";
    problem(status, detail, (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS)))
}

/// A method that belongs to neither side.
pub(super) fn method_not_allowed() -> Response {
    let detail = "This address does not take that method.";
    problem(StatusCode::METHOD_NOT_ALLOWED, detail, (header::ALLOW, HeaderValue::from_static(METHODS)))
}

fn problem(status: StatusCode, detail: &str, extra: (HeaderName, HeaderValue)) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "success": false,
        "error": detail,
        "details": [],
    });
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    (status, [content_type, extra], Json(body)).into_response()
}
