//! The one shape of every error answer: RFC 9457 `application/problem+json`, with the members `success`, `error` and
//! `details` that clients of the older API read.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// An error as a client sees it. Never holds a source, a stack or a value the client did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    details: Vec<(String, String)>,
    members: Vec<(&'static str, Value)>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem with its explanation.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), details: vec![], members: vec![], retry_after: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: no such thing, or none for this client.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 503: try again in `seconds`.
    pub fn unavailable(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// Adds what is wrong with one field.
    #[must_use]
    pub fn with_detail(mut self, field: impl Into<String>, problem: impl Into<String>) -> Self {
        self.details.push((field.into(), problem.into()));
        self
    }

    /// Adds a member that a program can act on (RFC 9457, section 3.2).
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Tells the client when to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details: Vec<_> = self
            .details
            .iter()
            .map(|(field, problem)| json!({ "field": field, "message": problem }))
            .collect();
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "success": false,
            "error": self.detail,
            "details": details,
        });
        for (name, value) in self.members {
            body[name] = value;
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
