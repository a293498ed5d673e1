//! `GET /api/tickets/{id}/requester`: what else the requester of a ticket handed in.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use service_host::{Problem, query::QueryParams};

use super::{AppState, answer::Answer, brief::Brief, freshness::FreshParams, no_such_ticket};
use crate::queries::{
    requester::{self, Requester},
    ticket::{self, TicketKey},
};

/// Tickets shown.
const LATEST: i64 = 20;

/// A requester and their latest tickets.
#[derive(Serialize, JsonSchema)]
pub struct History {
    #[serde(flatten)]
    requester: Requester,
    /// The latest 20 of their tickets, newest first.
    latest: Vec<Brief>,
}

/// The history.
///
/// # Errors
/// 404 where there is no such ticket, 504 when `minPosition` is not reached.
pub async fn history(
    State(state): State<AppState>,
    key: TicketKey,
    QueryParams(params): QueryParams<FreshParams>,
) -> Result<Answer<History>, Problem> {
    let ticket = params.of_ticket(&state, key, || ticket::ticket(&state.tickets, key)).await?;
    let requester =
        requester::requester(&state.pool, &ticket.requester_id).await?.ok_or_else(no_such_ticket)?;
    let latest = requester::tickets(&state.pool, &ticket.requester_id, LATEST).await?;
    Ok(Answer::new(History { requester, latest: latest.into_iter().map(Brief::from).collect() }))
}
