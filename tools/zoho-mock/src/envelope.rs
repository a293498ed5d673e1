//! How answers are worded: Creator's envelopes, and the one place where a code becomes an HTTP status.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    codes::{self, Code, Envelope},
    settings::StatusStyle,
    world::Shared,
};

/// The outer code of an answer, left on the response for counters, log and status style.
#[derive(Clone, Copy)]
pub(crate) struct AnswerCode(pub(crate) u16);

/// A whole call refused with one code.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: Code,
    text: String,
    status: StatusCode,
    retry_after: Option<i64>,
}

impl Refusal {
    /// The code with its own text.
    pub(crate) fn new(code: Code) -> Self {
        Self { code, text: code.text.to_owned(), status: code.status, retry_after: None }
    }

    /// The code's text continued with what it is about.
    pub(crate) fn about(code: Code, rest: impl std::fmt::Display) -> Self {
        Self { text: format!("{} {rest}", code.text), ..Self::new(code) }
    }

    /// Adds `Retry-After` in seconds.
    pub(crate) fn retry_after(mut self, seconds: Option<i64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The mock could not write its state file: whether the change holds is unknown, as after any 500 of Zoho.
    pub(crate) fn not_saved() -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new(codes::ERROR_OCCURRED) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let key = match self.code.envelope {
            Envelope::Message => "message",
            Envelope::Description => "description",
        };
        let mut response = answer(self.code.number, json!({"code": self.code.number, key: self.text}));
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An HTTP 200 with that body; `code` must be the body's outer code.
pub(crate) fn answer(code: u16, body: Value) -> Response {
    let mut response = Json(body).into_response();
    response.extensions_mut().insert(AnswerCode(code));
    response
}

/// A success: `body` with code 3000 in front.
pub(crate) fn success(mut body: Value) -> Response {
    body["code"] = codes::SUCCESS.number.into();
    answer(codes::SUCCESS.number, body)
}

/// Outermost layer of the Creator routes: counts the answer by code and, in the style of v2, makes its status 200.
pub(crate) async fn finish(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(AnswerCode(code)) = response.extensions().get::<AnswerCode>().copied() {
        shared.world().counters.count_answer(code);
        if shared.settings.quirks.status_style == StatusStyle::V2 && response.status().is_client_error() {
            flatten_status(&mut response);
        }
    }
    response
}

/// 429 stays: every report of a reached minute limit, v2 or not, is a real 429.
fn flatten_status(response: &mut Response) {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        *response.status_mut() = StatusCode::OK;
    }
}
