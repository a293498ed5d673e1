//! The oracle: what really arrived, what was counted, and a way to start over. No token is asked for.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    codes::{self, Code},
    counters::Counters,
    envelope::Refusal,
    steering::ClockFace,
    store::{Record, key_of},
    world::Shared,
};

#[derive(Deserialize)]
pub(crate) struct By {
    by: Option<String>,
}

/// `GET /__mock/records?by=Ticket_ID`: the exact multiset of that field. Without `by`, every record in full.
pub(crate) async fn records(State(shared): State<Shared>, Query(By { by }): Query<By>) -> Response {
    shared.land_due().await;
    let world = shared.world();
    let Some(field) = by else {
        let records: Vec<_> = world.store.all().collect();
        return Json(json!({"total": records.len(), "records": records})).into_response();
    };
    if shared.form.field(&field).is_none() {
        let problem = json!({"error": format!("the form has no field {field}")});
        return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
    }
    let value = |record: &Record| record.fields.get(&field).cloned().unwrap_or_else(|| "".into());
    let records: Vec<_> =
        world.store.all().map(|record| json!({"ID": record.id, &field: value(record)})).collect();
    let duplicates = duplicates(world.store.all(), &field);
    Json(json!({"total": records.len(), "records": records, "duplicates": duplicates})).into_response()
}

/// Values that more than one record has; blanks are no value.
fn duplicates<'a>(records: impl Iterator<Item = &'a Record>, field: &str) -> Vec<Value> {
    let mut ids_of = BTreeMap::<String, Vec<_>>::new();
    for record in records {
        if let Some(key) = record.fields.get(field).and_then(key_of) {
            ids_of.entry(key).or_default().push(record.id);
        }
    }
    ids_of.retain(|_, ids| ids.len() > 1);
    ids_of.into_iter().map(|(value, ids)| json!({field: value, "IDs": ids})).collect()
}

/// `GET /__mock/counters`.
pub(crate) async fn counters(State(shared): State<Shared>) -> Json<Counters> {
    Json(shared.world().counters.clone())
}

/// `GET /__mock/codes`: the table of response codes.
pub(crate) async fn codes() -> Json<&'static [Code]> {
    Json(codes::TABLE)
}

/// `GET /__mock/dump`: everything the mock knows, except tokens.
pub(crate) async fn dump(State(shared): State<Shared>) -> Json<Value> {
    shared.land_due().await;
    let (clock, late_calls) = (ClockFace::of(&shared), shared.held().len());
    let world = shared.world();
    Json(json!({
        "clock": clock,
        "faults": world.faults.plan(),
        "late_calls": late_calls,
        "counters": world.counters,
        "in_flight": world.usage.in_flight(),
        "form": shared.form,
        "records": world.store.all().collect::<Vec<_>>(),
    }))
}

/// `POST /__mock/reset`: forgets records, tokens, quotas used and counters.
pub(crate) async fn reset(State(shared): State<Shared>) -> Result<StatusCode, Refusal> {
    shared.reset()?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /health`.
pub(crate) async fn health(State(shared): State<Shared>) -> Json<Value> {
    let now = shared.now();
    let uptime = (now - shared.started).num_seconds();
    Json(json!({"status": "healthy", "timestamp": now, "uptime": uptime}))
}
