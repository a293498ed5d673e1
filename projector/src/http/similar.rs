//! `GET /api/tickets/{id}/similar`: earlier tickets that read like this one, and what that suggests: that it is a
//! duplicate, or part of an incident.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    answer::Answer,
    brief::Brief,
    freshness::{self, MinPosition},
    parameter::Within,
};
use crate::queries::{
    similar::{Likeness, Vector, compared, tickets, vector},
    ticket::{self, TicketKey},
};

/// Two texts that say the same in nearly the same words.
const DUPLICATE: f32 = 0.9;
/// Two texts about the same kind of trouble.
const ALIKE: f32 = 0.6;
/// Tickets about the same trouble at the same time.
const HOUR: TimeDelta = TimeDelta::hours(1);
/// So many of them are no coincidence.
const INCIDENT: usize = 3;

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimilarParams {
    /// Tickets at most.
    limit: Option<Within<1, 50>>,
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
}

/// What a ticket is like.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Similar {
    /// Earlier tickets, the most similar first.
    tickets: Vec<SimilarTicket>,
    /// The one this is probably a duplicate of.
    duplicate_of: Option<Brief>,
    /// What this is probably part of.
    incident: Option<Incident>,
    /// How many tickets it was compared with, one by one: the latest 20 000 before it, or those of an hour and the nearest of
    /// all, and up to 20 000 of the hour after it.
    compared: usize,
    /// An index found the nearest of all; without one they are the nearest of the latest.
    by_index: bool,
    /// False while the ticket has no embedding: it is not analyzed, or its requester was erased.
    comparable: bool,
}

/// An earlier ticket.
#[derive(Serialize, JsonSchema)]
pub struct SimilarTicket {
    /// 1 for the same text, 0 for one that has nothing in common.
    score: f32,
    #[serde(flatten)]
    ticket: Brief,
}

/// Many tickets about the same at the same time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Incident {
    /// In words.
    message: String,
    /// How many tickets, this one not counted.
    tickets: usize,
    /// When the first one was submitted.
    first: DateTime<Utc>,
    /// When the last one was submitted.
    last: DateTime<Utc>,
    /// The numbers of the latest 20.
    numbers: Vec<i64>,
}

/// The similar tickets.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 404 where there is no such ticket, 504 when `minPosition` is not reached.
pub async fn similar(
    State(state): State<AppState>,
    key: TicketKey,
    QueryParams(params): QueryParams<SimilarParams>,
) -> Result<Answer<Similar>, Problem> {
    freshness::of_ticket(&state, key, params.min_position, || ticket::ticket(&state.tickets, key)).await?;
    let Some(this) = vector(&state.pool, key).await? else {
        return Ok(Answer::new(Similar::unknown()));
    };
    let limit = params.limit.map_or(10, |limit| limit.0 as usize);
    let compared = compared(&state.pool, &this, HOUR, limit).await?;
    let others = compared.likenesses;
    let nearest = nearest(&this, &others, limit);
    let numbers: Vec<i64> = nearest.iter().map(|likeness| likeness.number).collect();
    let known = tickets(&state.pool, &numbers).await?;
    let mut known: BTreeMap<_, _> = known.into_iter().map(|ticket| (ticket.number, ticket)).collect();
    let duplicate = nearest.first().filter(|likeness| likeness.score >= DUPLICATE);
    let duplicate_of = duplicate.and_then(|likeness| known.get(&likeness.number)).cloned().map(Brief::from);
    let similar = |likeness: &Likeness| {
        known
            .remove(&likeness.number)
            .map(|ticket| SimilarTicket { score: likeness.score, ticket: ticket.into() })
    };
    let tickets = nearest.iter().filter_map(similar).collect();
    let incident = Incident::of(&this, &others);
    let (by_index, compared) = (compared.by_index, others.len());
    Ok(Answer::new(Similar { tickets, duplicate_of, incident, compared, by_index, comparable: true }))
}

fn nearest(this: &Vector, others: &[Likeness], limit: usize) -> Vec<Likeness> {
    let mut earlier: Vec<_> = others.iter().copied().filter(|other| other.number < this.number).collect();
    earlier.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.number.cmp(&a.number)));
    earlier.truncate(limit);
    earlier
}

impl Similar {
    const fn unknown() -> Self {
        Self {
            tickets: vec![],
            duplicate_of: None,
            incident: None,
            compared: 0,
            by_index: false,
            comparable: false,
        }
    }
}

impl Incident {
    fn of(this: &Vector, others: &[Likeness]) -> Option<Self> {
        let is_part =
            |other: &&Likeness| other.score >= ALIKE && (other.created_at - this.created_at).abs() <= HOUR;
        let mut parts: Vec<_> = others.iter().filter(is_part).collect();
        parts.sort_by_key(|part| part.number);
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return None };
        (parts.len() >= INCIDENT).then(|| Self {
            message: format!("{} tickets like this within the hour", parts.len()),
            tickets: parts.len(),
            first: first.created_at,
            last: last.created_at,
            numbers: parts.iter().rev().take(20).map(|part| part.number).collect(),
        })
    }
}
