//! `GET /api/tickets/{id}/journey`: every hop of a ticket from the submission to its CRM record, timed. All times are
//! the database's, so the durations are true even when the machines' clocks differ.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use schemas::TicketEvent;
use serde::Serialize;
use serde_json::Value;
use service_host::{Problem, query::QueryParams};
use uuid::Uuid;

use super::{AppState, answer::Answer, freshness::FreshParams};
use crate::queries::{
    ticket::TicketKey,
    timeline::{Entry, timeline},
};

/// The hop that ends the journey.
const DESTINATION: &str = "crm-record-created";

/// A ticket's way so far.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Journey {
    hops: Vec<Hop>,
    /// The CRM holds the ticket's record.
    complete: bool,
    /// From the submission to the CRM record, or to the last hop so far, milliseconds.
    total_ms: f64,
}

/// One event on the way.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Hop {
    /// The short name of the event, as it stands in bus subjects.
    name: &'static str,
    event_id: Uuid,
    position: i64,
    at: DateTime<Utc>,
    since_previous_ms: f64,
    since_submit_ms: f64,
    projected_at: DateTime<Utc>,
    actor: String,
    /// The event's own data, such as the CRM's record id, attempts and batch.
    details: Option<Value>,
}

/// The journey of a ticket.
///
/// # Errors
/// 404 where there is no such ticket, 504 when `minPosition` is not reached.
pub async fn journey(
    State(state): State<AppState>,
    key: TicketKey,
    QueryParams(params): QueryParams<FreshParams>,
) -> Result<Answer<Journey>, Problem> {
    let entries = params.of_ticket(&state, key, || timeline(&state.pool, key)).await?;
    Ok(Answer::new(Journey::of(entries)))
}

impl Journey {
    fn of(entries: Vec<Entry>) -> Self {
        let mut hops: Vec<Hop> = vec![];
        for entry in entries {
            let Some(name) = name_of(&entry) else { continue };
            let since = |hop: Option<&Hop>| hop.map_or(0.0, |hop| milliseconds(hop.at, entry.recorded_at));
            hops.push(Hop {
                name,
                since_previous_ms: since(hops.last()),
                since_submit_ms: since(hops.first()),
                event_id: entry.event_id,
                position: entry.position,
                at: entry.recorded_at,
                projected_at: entry.projected_at,
                actor: entry.actor,
                details: entry.details,
            });
        }
        let destination = hops.iter().find(|hop| hop.name == DESTINATION);
        let total_ms = destination.or(hops.last()).map_or(0.0, |hop| hop.since_submit_ms);
        Self { complete: destination.is_some(), total_ms, hops }
    }
}

/// Events of types this build does not know are no hops.
fn name_of(entry: &Entry) -> Option<&'static str> {
    TicketEvent::TYPES.iter().find(|(name, _)| *name == entry.r#type).map(|(_, token)| *token)
}

fn milliseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64() * 1e3
}
