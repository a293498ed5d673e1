//! `GET /api/tickets/{id}/events`: what happened to a ticket, and what people wrote about it. What the requester handed
//! in and what the analyzer read off it are members of the ticket.

use axum::extract::State;
use event_store::PersonalKeys;
use schemas::EventId;
use serde_json::Value;
use service_host::Problem;

use super::{AppState, answer::Answer, no_such_ticket};
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
/// 404 where there is no such ticket.
pub async fn events(State(state): State<AppState>, key: TicketKey) -> Result<Answer<Vec<Entry>>, Problem> {
    let mut entries = timeline(&state.pool, key).await?;
    if entries.is_empty() {
        return Err(no_such_ticket());
    }
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
