//! `GET /api/tickets/{id}`, by id or by number.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use schemas::Position;
use serde::Deserialize;
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    answer::Answer,
    body::TicketBody,
    etag::{self, Tag},
    fields::{Fields, TicketView},
    freshness::{self, MinPosition},
    internal, no_such_ticket,
    parameter::{self, Within},
};
use crate::{
    as_of::{self, Moment},
    queries::ticket::{self, TicketKey},
    read_model::Ticket,
};

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketParams {
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
    /// The ticket as it was at this time; personal data that was erased since stays erased.
    as_of: Option<parameter::Moment>,
    /// The ticket as it was at this position of the log.
    as_of_position: Option<Within<1, { i64::MAX }>>,
    /// Only these members of the ticket, separated by commas.
    fields: Option<Fields>,
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
    let moment = params.moment()?;
    if let Some(Moment::Position(position)) = moment {
        freshness::check_written(&state, "asOfPosition", position).await?;
    }
    let ask = || ticket::ticket(&state.tickets, key);
    let ticket = freshness::of_ticket(&state, key, params.min_position, ask).await?;
    let ticket = match moment {
        Some(moment) => as_it_was(&state, &ticket, moment).await?,
        None => ticket,
    };
    etag::tagged(&headers, &Tag::of(&ticket), || {
        let view = TicketView::new(TicketBody::from(ticket), params.fields.as_ref());
        Ok(Answer::new(view.map_err(|error| internal(&error))?).into_response())
    })
}

async fn as_it_was(state: &AppState, ticket: &Ticket, moment: Moment) -> Result<Ticket, Problem> {
    let id = ticket.id.parse().map_err(|_| no_such_ticket())?;
    let then = as_of::ticket(&state.log, &state.keys, id, moment).await?;
    then.ok_or_else(|| Problem::not_found("there was no such ticket yet"))
}

impl TicketParams {
    fn moment(&self) -> Result<Option<Moment>, Problem> {
        parameter::check_past(self.as_of)?;
        match (self.as_of, self.as_of_position) {
            (Some(_), Some(_)) => Err(Problem::bad_request("asOf and asOfPosition do not go together")),
            (Some(time), None) => Ok(Some(Moment::Time(time.0))),
            (None, Some(position)) => Ok(Some(Moment::Position(Position(position.0)))),
            (None, None) => Ok(None),
        }
    }
}
