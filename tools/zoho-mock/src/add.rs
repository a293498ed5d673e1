//! Add Records: `POST …/form/{form}`. One object answers flat, a list answers item by item; nothing is atomic.

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{
    auth, codes,
    envelope::{self, Refusal},
    store::Record,
    validation,
    world::{Inner, Shared, World},
    write_request::{Echo, WriteRequest},
};

/// Most records of one request.
const MAX_RECORDS: usize = 200;

type Fields = Map<String, Value>;

pub(crate) async fn add_records(
    State(shared): State<Shared>,
    Path((owner, app, form)): Path<(String, String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_form(&shared.settings.names, &form)?;
    let WriteRequest { data, echo } = WriteRequest::parse(&query, &body)?;
    match data {
        Value::Array(rows) => add_list(&shared, &objects(rows)?, &echo),
        Value::Object(row) if !row.is_empty() => add_single(&shared, &row, &echo),
        _ => Err(Refusal::new(codes::BAD_BODY)),
    }
}

fn objects(rows: Vec<Value>) -> Result<Vec<Fields>, Refusal> {
    if rows.len() > MAX_RECORDS {
        return Err(Refusal::new(codes::TOO_MANY_RECORDS));
    }
    let objects = rows.into_iter().map(|row| if let Value::Object(row) = row { Some(row) } else { None });
    let objects: Option<Vec<_>> = objects.collect();
    objects.filter(|rows| !rows.is_empty()).ok_or_else(|| Refusal::new(codes::BAD_BODY))
}

/// HTTP 200 and 3000 outside, whatever became of the items.
fn add_list(shared: &Inner, rows: &[Fields], echo: &Echo) -> Result<Response, Refusal> {
    let now = shared.now();
    let add = Add { shared, echo, now, text: "Data Added Successfully!" };
    let result = shared.change(|world| rows.iter().map(|row| add.row(world, row)).collect::<Vec<_>>())?;
    Ok(envelope::success(json!({"result": result})))
}

/// The item is the answer.
fn add_single(shared: &Inner, row: &Fields, echo: &Echo) -> Result<Response, Refusal> {
    let now = shared.now();
    let add = Add { shared, echo, now, text: "Data Added Successfully" };
    let item = shared.change(|world| add.row(world, row))?;
    let code = item["code"].as_u64().unwrap_or_default() as u16;
    Ok(envelope::answer(code, item))
}

struct Add<'a> {
    shared: &'a Inner,
    echo: &'a Echo,
    now: DateTime<Utc>,
    text: &'static str,
}

impl Add<'_> {
    /// Adds one record or says why not.
    fn row(&self, world: &mut World, given: &Fields) -> Value {
        let limit = self.shared.settings.limits.records;
        if limit > 0 && world.store.len() >= limit {
            world.counters.records_refused += 1;
            return json!({"code": codes::RECORD_LIMIT.number, "message": codes::RECORD_LIMIT.text});
        }
        match validation::check(&self.shared.form, given, None, &world.store) {
            Ok(fields) => self.insert(world, fields),
            Err(problems) => {
                world.counters.records_refused += 1;
                problems.item(self.shared.settings.quirks.error_shape)
            }
        }
    }

    fn insert(&self, world: &mut World, fields: Fields) -> Value {
        let record = Record { id: world.ids.next_record(), added: self.now, modified: self.now, fields };
        let data = self.echo.data(&self.shared.form, &record, json!(record.id));
        world.store.put(record);
        world.counters.records_added += 1;
        self.echo.item(&data, self.text)
    }
}
