//! `GET /api/tickets/{id}`, by id or by number.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use schemas::Position;
use serde::Deserialize;
use service_host::{Problem, json::QueryParams};

use super::{AppState, answer::Answer, body::TicketBody, etag, freshness, no_such_ticket};
use crate::queries::ticket::{self, TicketKey};

/// The query parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketParams {
    min_position: Option<Position>,
}

/// The ticket, or 304 for a client that has it.
///
/// # Errors
/// 404 where there is none, 504 when `minPosition` is not reached.
pub async fn ticket(
    State(state): State<AppState>,
    key: TicketKey,
    QueryParams(params): QueryParams<TicketParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    freshness::wait_for(&state.progress, params.min_position).await?;
    let ticket = ticket::ticket(&state.pool, key).await?.ok_or_else(no_such_ticket)?;
    let tag = etag::of(&ticket);
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], Answer::new(TicketBody::from(ticket))).into_response())
}
