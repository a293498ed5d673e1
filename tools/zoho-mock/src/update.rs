//! Update one record: `PATCH …/report/{report}/{ID}`. Repeating it changes nothing more.

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::{
    auth, codes,
    envelope::{self, Refusal},
    get::find,
    ids::RecordId,
    store::Record,
    validation,
    world::{Inner, Shared, World},
    write_request::{Echo, WriteRequest},
};

pub(crate) async fn update_one(
    State(shared): State<Shared>,
    Path((owner, app, report, id)): Path<(String, String, String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_report(&shared.settings.names, &report)?;
    let WriteRequest { data, echo } = WriteRequest::parse(&query, &body)?;
    let Value::Object(changes) = data else { return Err(Refusal::new(codes::BAD_BODY)) };
    let item = shared.change(|world| {
        let before = find(&world.store, &id)?.clone();
        Ok::<_, Refusal>(update(&shared, world, before, &changes, &echo))
    })??;
    let code = item["code"].as_u64().unwrap_or_default() as u16;
    Ok(envelope::answer(code, item))
}

/// Changes one record or says why not.
pub(crate) fn update(
    shared: &Inner,
    world: &mut World,
    before: Record,
    changes: &Map<String, Value>,
    echo: &Echo,
) -> Value {
    world.store.race(None);
    match validation::check(&shared.form, changes, Some(&before), &world.store) {
        Ok(values) => put(shared, world, before, values, echo),
        Err(problems) => problems.item(shared.settings.quirks.error_shape),
    }
}

fn put(
    shared: &Inner,
    world: &mut World,
    mut record: Record,
    values: Map<String, Value>,
    echo: &Echo,
) -> Value {
    record.fields.extend(values);
    record.modified = shared.now();
    let data = echo.data(&shared.form, &record, shown_id(shared, record.id));
    world.store.put(record);
    world.counters.records_updated += 1;
    echo.item(&data, "Data Updated Successfully")
}

/// The ID as update and delete answer it: text, or a number as some clients saw.
pub(crate) fn shown_id(shared: &Inner, id: RecordId) -> Value {
    if shared.settings.quirks.numeric_ids { json!(id.number()) } else { json!(id) }
}
