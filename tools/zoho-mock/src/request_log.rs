//! The optional request log: one JSON line per request. Answers are logged by status and code only, because
//! Zoho's error texts quote what users typed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{envelope::AnswerCode, mask::Mask, server::BODY_LIMIT, world::Shared};

/// Headers that explain an answer; all others stay out.
const HEADERS: [&str; 5] = ["accept", "content-type", "environment", "record_cursor", "user-agent"];

/// The open log.
#[derive(Clone)]
pub(crate) struct RequestLog(Arc<Inner>);

struct Inner {
    file: Mutex<File>,
    mask: Mask,
    shared: Shared,
}

impl RequestLog {
    pub(crate) fn open(path: &Path, shared: &Shared) -> io::Result<Self> {
        let file = Mutex::new(OpenOptions::new().create(true).append(true).open(path)?);
        Ok(Self(Arc::new(Inner { file, mask: Mask::new(&shared.form), shared: shared.clone() })))
    }

    fn write(&self, line: &Value) {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "request log not written");
        }
    }

    fn line(&self, parts: &Parts, body: &Bytes) -> Value {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
        json!({
            "time": self.0.shared.now(),
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "query": self.0.mask.query(&query.unwrap_or_default()),
            "headers": headers(&parts.headers),
            "body": self.body(body),
        })
    }

    /// A body that is no JSON, such as the form with the client's secret, is logged by its length.
    fn body(&self, body: &Bytes) -> Value {
        match serde_json::from_slice(body) {
            Ok(json) => self.0.mask.body(&json),
            Err(_) => json!({"bytes": body.len()}),
        }
    }
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown =
        HEADERS.iter().filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?.to_owned())));
    let token = headers.get("authorization").map(|_| ("authorization", "***".to_owned()));
    shown.chain(token).map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Outermost layer: reads the body, lets the call run, writes the line.
pub(crate) async fn log(State(log): State<RequestLog>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut line = log.line(&parts, &bytes);
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    line["status"] = response.status().as_u16().into();
    line["code"] =
        response.extensions().get::<AnswerCode>().map_or(Value::Null, |AnswerCode(code)| (*code).into());
    log.write(&line);
    response
}
