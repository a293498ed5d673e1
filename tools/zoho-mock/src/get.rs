//! Get Records: `GET …/report/{report}` with criteria and cursor, and `…/{ID}` for one.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    auth, codes,
    criteria::Criteria,
    envelope::{self, Refusal},
    ids::RecordId,
    report::Report,
    settings::EmptyAnswer,
    store::{Record, Store},
    world::{Inner, Shared},
};

/// Request and response header that names the place to go on from.
const RECORD_CURSOR: HeaderName = HeaderName::from_static("record_cursor");

type Pairs = Vec<(String, String)>;

pub(crate) async fn get_records(
    State(shared): State<Shared>,
    Path((owner, app, report)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_report(&shared.settings.names, &report)?;
    let report = shared.report();
    let asked = Asked::parse(&query, &headers, &report)?;
    let page = asked.page(&shared.world().store, &report, shared.now());
    if page.rows.is_empty() {
        return empty(shared.settings.quirks.empty_answer, shared.world().store.len());
    }
    let mut response = envelope::success(json!({"data": page.rows}));
    if let Some(cursor) = page.next.and_then(|id| HeaderValue::try_from(hex::encode(id.to_string())).ok()) {
        response.headers_mut().insert(RECORD_CURSOR, cursor);
    }
    Ok(response)
}

pub(crate) async fn get_one(
    State(shared): State<Shared>,
    Path((owner, app, report, id)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    auth::check_app(&shared.settings.names, &owner, &app)?;
    auth::check_report(&shared.settings.names, &report)?;
    let report = shared.report();
    let world = shared.world();
    let record = find(&world.store, &id)?;
    Ok(envelope::success(json!({"data": report.row(record, &report.all_columns())})))
}

/// The record with that ID, or 3190.
pub(crate) fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Record, Refusal> {
    let record = id.parse().ok().and_then(|id| store.get(id));
    record.ok_or_else(|| Refusal::about(codes::NO_RECORD, format_args!("{id} found.")))
}

impl Inner {
    pub(crate) fn report(&self) -> Report<'_> {
        Report { form: &self.form, offset: self.settings.limits.utc_offset }
    }
}

/// Nothing found is an error code, not an empty list; the list is what one SDK path was seen to get.
fn empty(style: EmptyAnswer, records: usize) -> Result<Response, Refusal> {
    match style {
        EmptyAnswer::List => Ok(envelope::success(json!({"data": []}))),
        EmptyAnswer::Code3100 => Err(Refusal::new(codes::NO_DATA)),
        EmptyAnswer::Code9280 if records == 0 => Err(Refusal::new(codes::EMPTY_REPORT)),
        EmptyAnswer::Code9280 => Err(Refusal::new(codes::NO_MATCH)),
    }
}

/// What a request asks for.
struct Asked {
    criteria: Option<Criteria>,
    columns: Vec<String>,
    max: usize,
    after: Option<RecordId>,
}

struct Page {
    rows: Vec<serde_json::Value>,
    next: Option<RecordId>,
}

impl Asked {
    /// `from` and `limit` of v2 are ignored, like every unknown parameter: whoever pages with them gets the first
    /// page for ever, as in the real v2.1.
    fn parse(query: &[(String, String)], headers: &HeaderMap, report: &Report<'_>) -> Result<Self, Refusal> {
        let get = |name| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        Ok(Self {
            criteria: get("criteria").map(|text| parse_criteria(text, report)).transpose()?,
            columns: parse_columns(get("field_config"), get("fields"), report)?,
            max: parse_max(get("max_records"))?,
            after: headers.get(RECORD_CURSOR).map(parse_cursor).transpose()?,
        })
    }

    fn page(&self, store: &Store, report: &Report<'_>, now: DateTime<Utc>) -> Page {
        let fits = |record: &&Record| {
            store.shows(record.id, now)
                && self.criteria.as_ref().is_none_or(|criteria| report.matches(criteria, record))
        };
        let mut found: Vec<_> = store.after(self.after).filter(fits).take(self.max + 1).collect();
        let more = found.len() > self.max;
        found.truncate(self.max);
        let next = if more { found.last().map(|record| record.id) } else { None };
        Page { rows: found.into_iter().map(|record| report.row(record, &self.columns)).collect(), next }
    }
}

/// A column that the report does not show cannot be searched.
pub(crate) fn parse_criteria(text: &str, report: &Report<'_>) -> Result<Criteria, Refusal> {
    let refuse = |why: String| Refusal::about(codes::BAD_PARAMETER, format_args!("criteria: {why}"));
    let criteria: Criteria =
        text.parse().map_err(|error: crate::criteria::ParseError| refuse(error.to_string()))?;
    match criteria.columns().into_iter().find(|column| !report.has(column)) {
        Some(column) => Err(refuse(format!("no column {column}"))),
        None => Ok(criteria),
    }
}

fn parse_columns(
    config: Option<&str>,
    fields: Option<&str>,
    report: &Report<'_>,
) -> Result<Vec<String>, Refusal> {
    match config.unwrap_or("quick_view") {
        "quick_view" => Ok(report.columns()),
        "detail_view" | "all" => Ok(report.all_columns()),
        "custom" => {
            let fields = fields.filter(|fields| !fields.is_empty());
            let fields = fields.ok_or_else(|| Refusal::new(codes::PARAMETER_ABSENT))?;
            let columns: Vec<_> = fields.split(',').map(|name| name.trim().to_owned()).collect();
            let known = columns.iter().all(|name| report.has(name));
            if known { Ok(columns) } else { Err(Refusal::about(codes::BAD_PARAMETER, "fields")) }
        }
        _ => Err(Refusal::about(codes::BAD_PARAMETER, "field_config")),
    }
}

fn parse_max(text: Option<&str>) -> Result<usize, Refusal> {
    match text {
        None | Some("200") => Ok(200),
        Some("500") => Ok(500),
        Some("1000") => Ok(1000),
        Some(_) => Err(Refusal::about(codes::BAD_PARAMETER, "max_records")),
    }
}

/// The cursor is the last ID of the page before, so it outlives a restart; clients must not look inside.
fn parse_cursor(header: &HeaderValue) -> Result<RecordId, Refusal> {
    let text = hex::decode(header.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let id = text.and_then(|text| text.parse().ok());
    id.ok_or_else(|| Refusal::about(codes::BAD_PARAMETER, "record_cursor"))
}
