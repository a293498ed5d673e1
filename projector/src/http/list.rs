//! `GET /api/tickets`: filtered, searched, sorted, by pages in both directions.

use axum::{extract::State, http::HeaderMap, response::Response};
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    answer::Page,
    body::TicketBody,
    cursor::{Beside, Cursor},
    etag,
    fields::{Fields, TicketView},
    filter::filtered_params,
    internal,
    parameter::Within,
    sort::Sort,
};
use crate::{
    queries::page::{self, Filter, Window},
    read_model::Ticket,
};

/// Tickets on a page where the client does not say.
const LIMIT: i64 = 50;

filtered_params! {
    /// The query parameters.
    pub struct ListParams {
        /// The order: by creation, by the last change, or by urgency.
        sort: Option<Sort>,
        /// Where the page begins: `nextCursor` or `prevCursor` of another page of this list.
        cursor: Option<Cursor>,
        /// Tickets on a page at most.
        limit: Option<Within<1, 200>>,
        /// Only these members of each ticket, separated by commas.
        fields: Option<Fields>,
    }
}

/// One page, and where its neighbours begin; 304 for a client that has it.
///
/// # Errors
/// 400 for a parameter that is unknown or wrong, 504 when `minPosition` is not reached.
pub async fn list(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<ListParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (filter, beside) = (params.filter()?, params.beside()?);
    params.reached(&state).await?;
    let limit = params.limit.map_or(LIMIT, |limit| limit.0);
    let (tickets, previous, next) = page_of(&state, &filter, beside, limit).await?;
    let views =
        tickets.into_iter().map(|ticket| TicketView::new(TicketBody::from(ticket), params.fields.as_ref()));
    let views = views.collect::<Result<_, _>>().map_err(|error| internal(&error))?;
    etag::tagged_json(&headers, &Page::new(views, next, previous))
}

/// The tickets of a page, and the cursors of the pages before and after it.
async fn page_of(
    state: &AppState,
    filter: &Filter,
    beside: Beside,
    limit: i64,
) -> Result<(Vec<Ticket>, Option<String>, Option<String>), Problem> {
    let Beside { sort, before, place } = beside;
    // The page before is the page after in the other direction, turned round. One more ticket than asked for tells
    // whether there are more.
    let window = Window {
        key: sort.key(),
        descending: sort.descending() != before,
        beside: (place.number != Beside::START).then_some(place),
        limit: limit + 1,
    };
    let mut tickets = page::page(&state.pool, filter, window).await?;
    let more = tickets.len() as i64 > limit;
    tickets.truncate(limit as usize);
    if before {
        tickets.reverse();
    }
    let came_from = window.beside.is_some();
    let (has_previous, has_next) = if before { (more, came_from) } else { (came_from, more) };
    let cursor = |ticket: Option<&Ticket>, before| {
        // The page turned out empty: the ticket that it would lie beside is the first of the neighbour.
        let none = || sort.key().before(place, sort.descending() != before);
        let place = ticket.map_or_else(none, |ticket| sort.key().place(ticket));
        Cursor(Beside { sort, before, place }).to_string()
    };
    let previous = has_previous.then(|| cursor(tickets.first(), true));
    let next = has_next.then(|| cursor(tickets.last(), false));
    Ok((tickets, previous, next))
}

impl ListParams {
    /// Where the page begins; a cursor knows its order.
    fn beside(&self) -> Result<Beside, Problem> {
        match (self.cursor, self.sort) {
            (Some(Cursor(beside)), Some(sort)) if beside.sort != sort => {
                Err(Problem::bad_request("cursor belongs to a list with another sort"))
            }
            (Some(Cursor(beside)), _) => Ok(beside),
            (None, sort) => Ok(Beside::start(sort.unwrap_or_default())),
        }
    }
}
