//! `GET /api/tickets/export`: every ticket that passes the filters, oldest first.

use axum::{extract::State, response::Response};
use futures::stream;
use serde::Serialize;
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    body::TicketBody,
    filter::filtered_params,
    table::{Format, Row, download},
};
use crate::queries::page::{self, Key, Window};

/// Tickets read at a time.
const BATCH: i64 = 500;

filtered_params! {
    /// The query parameters.
    pub struct ExportParams {
        /// How: for spreadsheets (the default) or as lines of JSON.
        format: Option<Format>,
    }
}

/// The tickets.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 504 when `minPosition` is not reached.
pub async fn export(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<ExportParams>,
) -> Result<Response, Problem> {
    let filter = params.filter()?;
    params.reached(&state).await?;
    // Page by page: no transaction stays open while the client reads, and tickets that come meanwhile come last.
    let pages = stream::try_unfold(Some(None), move |beside| {
        let (pool, filter) = (state.pool.clone(), filter.clone());
        async move {
            let Some(beside) = beside else { return Ok(None) };
            let window = Window { key: Key::Created, descending: false, beside, limit: BATCH };
            let tickets = page::page(&pool, &filter, window).await?;
            let last = tickets.last().filter(|_| tickets.len() as i64 == BATCH);
            let next = last.map(|last| Some(Key::Created.place(last)));
            let rows: Vec<_> = tickets.into_iter().map(|ticket| Exported(TicketBody::from(ticket))).collect();
            Ok(Some((rows, next)))
        }
    });
    Ok(download("tickets", params.format.unwrap_or_default(), pages))
}

/// A ticket in an export.
#[derive(Serialize)]
#[serde(transparent)]
struct Exported(TicketBody);

impl Row for Exported {
    const HEADS: &'static [&'static str] = &[
        "id",
        "number",
        "createdAt",
        "updatedAt",
        "status",
        "assignee",
        "requestType",
        "category",
        "priority",
        "sentiment",
        "kind",
        "route",
        "urgency",
        "needsReview",
        "degraded",
        "corrected",
        "crmStatus",
        "crmRecordId",
        "analyzedAt",
        "name",
        "email",
        "summary",
        "description",
    ];

    fn cells(&self) -> Vec<String> {
        let Self(ticket) = self;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            ticket.id.clone(),
            ticket.number.to_string(),
            ticket.created_at.to_rfc3339(),
            ticket.updated_at.to_rfc3339(),
            ticket.status.clone(),
            text(&ticket.assignee),
            ticket.request_type.clone(),
            text(&ticket.category),
            text(&ticket.priority),
            text(&ticket.sentiment),
            text(&ticket.kind),
            text(&ticket.route),
            ticket.urgency.map_or_else(String::new, |urgency| urgency.to_string()),
            ticket.needs_review.to_string(),
            ticket.degraded.to_string(),
            ticket.corrected.to_string(),
            ticket.crm.status.clone(),
            text(&ticket.crm.record_id),
            ticket.analyzed_at.map_or_else(String::new, |time| time.to_rfc3339()),
            text(&ticket.name),
            text(&ticket.email),
            text(&ticket.summary),
            text(&ticket.description),
        ]
    }
}
