//! `GET /api/tickets/{id}/events`: what happened to a ticket, without personal data.

use axum::extract::State;
use service_host::Problem;

use super::{AppState, answer::Answer, no_such_ticket};
use crate::queries::{
    ticket::TicketKey,
    timeline::{Entry, timeline},
};

/// Every event of the ticket, in order.
///
/// # Errors
/// 404 where there is no such ticket.
pub async fn events(State(state): State<AppState>, key: TicketKey) -> Result<Answer<Vec<Entry>>, Problem> {
    let entries = timeline(&state.pool, key).await?;
    if entries.is_empty() {
        return Err(no_such_ticket());
    }
    Ok(Answer::new(entries))
}
