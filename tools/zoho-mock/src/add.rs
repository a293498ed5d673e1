//! Add Records: `POST …/form/{form}`. One object answers flat, a list answers item by item; nothing is atomic.

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{
    auth, codes,
    envelope::{self, Refusal},
    faults::Twist,
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
    Extension(twist): Extension<Twist>,
    body: Bytes,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_form(&shared.settings.names, &form)?;
    let WriteRequest { data, echo } = WriteRequest::parse(&query, &body)?;
    let add = Add { shared: &shared, echo: &echo, twist, now: shared.now() };
    match data {
        Value::Array(rows) => add.list(&objects(rows)?),
        Value::Object(row) if !row.is_empty() => add.single(&row),
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

struct Add<'a> {
    shared: &'a Inner,
    echo: &'a Echo,
    twist: Twist,
    now: DateTime<Utc>,
}

impl Add<'_> {
    /// HTTP 200 and 3000 outside, whatever became of the items.
    fn list(&self, rows: &[Fields]) -> Result<Response, Refusal> {
        let rows = if self.twist.half { &rows[..rows.len() / 2] } else { rows };
        let text = "Data Added Successfully!";
        let add = |world: &mut World| rows.iter().map(|row| self.row(world, row, text)).collect::<Vec<_>>();
        Ok(envelope::success(json!({"result": self.shared.change(add)?})))
    }

    /// The item is the answer.
    fn single(&self, row: &Fields) -> Result<Response, Refusal> {
        if self.twist.half {
            return Err(Refusal::new(codes::ERROR_OCCURRED));
        }
        let item = self.shared.change(|world| self.row(world, row, "Data Added Successfully"))?;
        let code = item["code"].as_u64().unwrap_or_default() as u16;
        Ok(envelope::answer(code, item))
    }

    /// Adds one record or says why not.
    fn row(&self, world: &mut World, given: &Fields, text: &str) -> Value {
        let limit = self.shared.settings.limits.records;
        if limit > 0 && world.store.len() >= limit {
            world.counters.records_refused += 1;
            return json!({"code": codes::RECORD_LIMIT.number, "message": codes::RECORD_LIMIT.text});
        }
        world.store.race(self.twist.races_with.map(|span| self.now - span));
        match validation::check(&self.shared.form, given, None, &world.store) {
            Ok(fields) => self.insert(world, fields, text),
            Err(problems) => {
                world.counters.records_refused += 1;
                problems.item(self.shared.settings.quirks.error_shape)
            }
        }
    }

    fn insert(&self, world: &mut World, fields: Fields, text: &str) -> Value {
        let record = Record { id: world.ids.next_record(), added: self.now, modified: self.now, fields };
        let data = self.echo.data(&self.shared.form, &record, json!(record.id));
        if let Some(time) = self.twist.hidden_for {
            world.store.hide(record.id, self.now + time);
        }
        world.store.put(record);
        world.counters.records_added += 1;
        self.echo.item(&data, text)
    }
}
