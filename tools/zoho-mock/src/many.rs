//! Update and delete by criteria: `PATCH` and `DELETE …/report/{report}` with `criteria` in the body. 200 rows at most, or
//! the first 200 of more when `process_until_limit` says so.

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::{
    auth, codes,
    envelope::{self, Refusal},
    get::parse_criteria,
    ids::RecordId,
    store::Store,
    update::{shown_id, update as update_one},
    world::{Inner, Shared},
    write_request::{WriteRequest, object},
};

/// Most rows of one request.
const MAX_ROWS: usize = 200;
/// Query parameter: no refusal of more, but the first 200 of them.
const UNTIL_LIMIT: &str = "process_until_limit";

type Names = Path<(String, String, String)>;
type Parameters = Query<Vec<(String, String)>>;

pub(crate) async fn update(
    State(shared): State<Shared>,
    names: Names,
    Query(query): Parameters,
    body: Bytes,
) -> Result<Response, Refusal> {
    let mut asked = Asked::parse(&shared, names, &query, &body)?;
    let WriteRequest { data, echo } = WriteRequest::of(std::mem::take(&mut asked.body))?;
    let Value::Object(changes) = data else { return Err(Refusal::new(codes::BAD_BODY)) };
    let (result, more) = shared.change(|world| {
        let (ids, more) = asked.rows(&shared, &world.store)?;
        let rows: Vec<_> = ids.into_iter().filter_map(|id| world.store.get(id).cloned()).collect();
        let update = |before| update_one(&shared, world, before, &changes, &echo);
        Ok::<_, Refusal>((rows.into_iter().map(update).collect::<Vec<_>>(), more))
    })??;
    Ok(asked.answer(&result, more))
}

pub(crate) async fn delete(
    State(shared): State<Shared>,
    names: Names,
    Query(query): Parameters,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Asked::parse(&shared, names, &query, &body)?;
    let (result, more) = shared.change(|world| {
        let (ids, more) = asked.rows(&shared, &world.store)?;
        for id in &ids {
            world.store.remove(*id);
            world.counters.records_deleted += 1;
        }
        Ok::<_, Refusal>((ids.into_iter().map(|id| deleted(&shared, id)).collect::<Vec<_>>(), more))
    })??;
    Ok(asked.answer(&result, more))
}

fn deleted(shared: &Inner, id: RecordId) -> Value {
    json!({"code": codes::SUCCESS.number, "data": {"ID": shown_id(shared, id)}, "message": "Data Deleted Successfully"})
}

/// Which rows are meant, and the rest of the body.
struct Asked {
    criteria: String,
    until_limit: bool,
    body: Map<String, Value>,
}

impl Asked {
    fn parse(
        shared: &Inner,
        Path((owner, app, report)): Names,
        query: &[(String, String)],
        body: &[u8],
    ) -> Result<Self, Refusal> {
        auth::check_app(&shared.settings.names, &owner, &app)?;
        auth::check_report(&shared.settings.names, &report)?;
        if let Some((name, _)) = query.iter().find(|(name, _)| name != UNTIL_LIMIT) {
            return Err(Refusal::about(codes::BAD_PARAMETER, name));
        }
        let mut body = object(body)?;
        let Some(Value::String(criteria)) = body.remove("criteria") else {
            return Err(Refusal::new(codes::BAD_BODY));
        };
        let until_limit = query.iter().any(|(_, value)| value == "true");
        Ok(Self { criteria, until_limit, body })
    }

    /// The rows, and whether there are more than fit.
    fn rows(&self, shared: &Inner, store: &Store) -> Result<(Vec<RecordId>, bool), Refusal> {
        let report = shared.report();
        let criteria = parse_criteria(&self.criteria, &report)?;
        let matching = store.all().filter(|record| report.matches(&criteria, record));
        let mut ids: Vec<_> = matching.map(|record| record.id).take(MAX_ROWS + 1).collect();
        let more = ids.len() > MAX_ROWS;
        if more && !self.until_limit {
            return Err(Refusal::new(codes::TOO_MANY_MATCHES));
        }
        ids.truncate(MAX_ROWS);
        if ids.is_empty() { Err(Refusal::new(codes::NO_MATCH)) } else { Ok((ids, more)) }
    }

    fn answer(&self, result: &[Value], more: bool) -> Response {
        let mut body = json!({"result": result});
        if self.until_limit {
            body["more_records"] = more.into();
        }
        envelope::success(body)
    }
}
