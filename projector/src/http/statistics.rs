//! `GET /api/tickets/stats/summary`: counts and waiting times over all tickets.

use axum::extract::State;
use serde::Serialize;
use service_host::Problem;

use super::{AppState, answer::Answer};
use crate::queries::statistics::{Breakdown, Totals, breakdown, totals};

/// Both parts as one object.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    totals: Totals,
    #[serde(flatten)]
    breakdown: Breakdown,
}

/// The summary.
///
/// # Errors
/// 503 while the read model is away.
pub async fn summary(State(state): State<AppState>) -> Result<Answer<Summary>, Problem> {
    let (totals, breakdown) = (totals(&state.pool).await?, breakdown(&state.pool).await?);
    Ok(Answer::new(Summary { totals, breakdown }))
}
