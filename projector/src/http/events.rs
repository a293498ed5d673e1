//! `GET /api/tickets/{id}/events`: what happened to a ticket, and what people wrote about it. What the requester handed
//! in and what the analyzer read off it are members of the ticket.

use axum::extract::State;
use event_store::PersonalKeys;
use schemas::EventId;
use serde_json::Value;
use service_host::{Problem, query::QueryParams};

use super::{AppState, answer::Answer, freshness::FreshParams};
use crate::{
    personal,
    queries::{
        QueryError,
        ticket::TicketKey,
        timeline::{Entry, timeline},
    },
};

/// Every event of the ticket, in order.
///
/// # Errors
/// 404 where there is no such ticket, 504 when `minPosition` is not reached.
pub async fn events(
    State(state): State<AppState>,
    key: TicketKey,
    QueryParams(params): QueryParams<FreshParams>,
) -> Result<Answer<Vec<Entry>>, Problem> {
    let mut entries = params.of_ticket(&state, key, || timeline(&state.pool, key)).await?;
    for entry in &mut entries {
        open(&state.keys, entry).await?;
    }
    Ok(Answer::new(entries))
}

/// Adds the personal members to the details; they are null once the requester was erased.
async fn open(keys: &PersonalKeys, entry: &mut Entry) -> Result<(), QueryError> {
    let Some(sealed) = entry.sealed.take() else { return Ok(()) };
    let Some(Value::Object(details)) = &mut entry.details else { return Ok(()) };
    for (name, value) in sealed.0 {
        let clear = personal::open(keys, EventId::new(entry.event_id), &name, &value).await?;
        details.insert(name, clear.unwrap_or_default());
    }
    Ok(())
}
