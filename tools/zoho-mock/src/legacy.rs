//! The mock's older route, `POST /zoho/mock/records`: a flat body, no token, words instead of codes.
//!
//! Its records land in the same store, so the oracle sees them; the form's rules do not apply to them.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{counters::CallKind, envelope::Refusal, store::Record, world::Shared};

const REQUIRED: [&str; 3] = ["Name", "Email", "Description"];

pub(crate) async fn add(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    shared.world().counters.count_call(CallKind::Legacy);
    let Some(fields) = parse(&body) else {
        let refusal = json!({"error": "Validation failed", "code": "INVALID_DATA"});
        return Ok((StatusCode::BAD_REQUEST, Json(refusal)).into_response());
    };
    let now = shared.now();
    let mut echo = fields.clone();
    let id = shared.change(|world| {
        let id = world.ids.next_record();
        world.store.put(Record { id, added: now, modified: now, fields });
        world.counters.records_added += 1;
        id
    })?;
    echo.insert("ID".into(), json!(id));
    let success = json!({"status": "success", "code": "SUCCESS", "data": echo});
    Ok((StatusCode::CREATED, Json(success)).into_response())
}

/// The fields, when every required one has a value.
fn parse(body: &[u8]) -> Option<Map<String, Value>> {
    let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let present = |name: &str| fields.get(name).is_some_and(|value| !value.is_null() && value != "");
    REQUIRED.iter().all(|name| present(name)).then_some(fields)
}
