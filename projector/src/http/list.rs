//! `GET /api/tickets`: filtered, sorted, by pages.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemas::{
    Position,
    analysis::{Priority, Sentiment},
};
use serde::Deserialize;
use service_host::{Problem, json::QueryParams};

use super::{AppState, answer::Page, body::TicketBody, cursor::Cursor, freshness};
use crate::queries::page::{self, Filter, Sort, Window};

/// The query parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListParams {
    status: Option<String>,
    category: Option<String>,
    priority: Option<Priority>,
    sentiment: Option<Sentiment>,
    request_type: Option<String>,
    route: Option<String>,
    assignee: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    needs_review: Option<bool>,
    #[serde(default)]
    sort: Sort,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
    min_position: Option<Position>,
}

/// Tickets on a page at most.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Limit(i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<i64> for Limit {
    type Error = &'static str;

    fn try_from(limit: i64) -> Result<Self, Self::Error> {
        if (1..=200).contains(&limit) { Ok(Self(limit)) } else { Err("limit must be 1 to 200") }
    }
}

/// One page, and where the next one begins.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 504 when `minPosition` is not reached.
pub async fn list(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<ListParams>,
) -> Result<Page<TicketBody>, Problem> {
    let window = params.window()?;
    freshness::wait_for(&state.progress, params.min_position).await?;
    // One more than asked for tells whether there is a next page.
    let probe = Window { limit: window.limit + 1, ..window };
    let mut tickets = page::page(&state.pool, &params.into_filter(), probe).await?;
    let has_more = tickets.len() as i64 > window.limit;
    tickets.truncate(window.limit as usize);
    let last = tickets.last().filter(|_| has_more).map(|ticket| ticket.number);
    let next = last.map(|after| Cursor { sort: window.sort, after }.to_string());
    Ok(Page::new(tickets.into_iter().map(TicketBody::from).collect(), next))
}

impl ListParams {
    fn window(&self) -> Result<Window, Problem> {
        if self.cursor.is_some_and(|cursor| cursor.sort != self.sort) {
            return Err(Problem::bad_request("cursor belongs to a list with another sort"));
        }
        let after = self.cursor.map(|cursor| cursor.after);
        Ok(Window { sort: self.sort, after, limit: self.limit.0 })
    }

    fn into_filter(self) -> Filter {
        Filter {
            status: self.status,
            category: self.category,
            priority: self.priority,
            sentiment: self.sentiment,
            request_type: self.request_type,
            route: self.route,
            assignee: self.assignee,
            from: self.from,
            to: self.to,
            needs_review: self.needs_review,
        }
    }
}
