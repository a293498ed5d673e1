//! `POST /api/tickets/{id}/comments`, `assign`, `resolve`, `reopen`, `close`, `confirm`, `corrections`: one handler for
//! all of them, over what their bodies say.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use event_store::{AppendError, HandleError, Handled, Outcome, personal_keys::KeyError};
use schemars::JsonSchema;
use schemas::{Position, TicketId, Version};
use serde::Serialize;
use service_host::{Problem, json::JsonBody};
use ticket::{Rejection, Ticket};

use super::{
    AppState, IDEMPOTENCY_REPLAYED,
    bodies::{OrderBody, Refusal},
    broken,
    headers::{idempotency_key, if_match},
    invalid, key_reused,
};
use crate::{
    desk::{self, OrderError},
    intake, trace,
};

/// Carries out a command on the ticket, which may be named by its id or its number.
///
/// # Errors
/// 400 for a body that makes no sense, 404 where there is no such ticket, 409 where it is not at the version that
/// `If-Match` asks for, 422 for a broken rule or an idempotency key used for another request, 503 while the log is away.
pub async fn command<B: OrderBody>(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: JsonBody<B>,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| OrderError::NoSuchTicket)?;
    let (key, required) = (idempotency_key(&headers)?, if_match(&headers)?);
    let order = body.value.parse()?;
    let ticket = desk::find(&state.store, &state.beginnings, &name).await?;
    let request = desk::Request {
        order,
        required,
        idempotency: key
            .map(|key| intake::fingerprint(key, &(B::NAME, ticket.id, &body.value)))
            .transpose()
            .map_err(|_| broken())?,
        traceparent: trace::of_request(&headers),
    };
    let id = ticket.id;
    let handled = desk::carry_out(&state.store, &state.keys, ticket, request).await?;
    Ok(answer(id, &handled))
}

/// Where the ticket is now; of a replayed request: where it was after the first one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CommandAnswer")]
pub struct Answer {
    success: bool,
    data: Place,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CommandPlace")]
struct Place {
    id: TicketId,
    version: Version,
    position: Position,
    status: &'static str,
}

fn answer(id: TicketId, handled: &Handled<Ticket>) -> Response {
    let Handled { version, position, .. } = *handled;
    let data = Place { id, version, position, status: handled.state.status.name() };
    // The tag that a read of the ticket has once it shows this event.
    let tag = [(header::ETAG, format!("W/\"{version}-{position}\""))];
    let mut response = (tag, Json(Answer { success: true, data })).into_response();
    if handled.outcome == Outcome::Replayed {
        response.headers_mut().extend([IDEMPOTENCY_REPLAYED]);
    }
    response
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(violations) => invalid(violations),
            Refusal::Rule(rejection) => broken_rule(&rejection),
        }
    }
}

/// The one place where a failed command becomes a status.
impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NoSuchTicket => Self::not_found("there is no such ticket"),
            OrderError::Handle(HandleError::Rejected(rejection)) => broken_rule(&rejection),
            OrderError::Keys(KeyError::Erased(_)) => erased(),
            OrderError::Handle(HandleError::Append(AppendError::KeyReused)) => key_reused(),
            OrderError::Handle(HandleError::Append(AppendError::Conflict { expected, actual })) => {
                conflict(expected, actual)
            }
            error if error.may_pass() => {
                tracing::warn!(
                    cause = format!("{:#}", anyhow::Error::from(error)),
                    "commands are unavailable"
                );
                Self::unavailable(
                    "the command was not confirmed; send it again with the same Idempotency-Key",
                    2,
                )
            }
            error => {
                tracing::error!(cause = format!("{:#}", anyhow::Error::from(error)), "a command failed");
                broken()
            }
        }
    }
}

fn broken_rule(rejection: &Rejection) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, rejection.to_string())
        .with_member("rule", rejection.rule())
}

/// What would be added could never be read, nor be erased again.
fn erased() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the requester was erased: nothing can be added")
        .with_member("rule", "requester-erased")
}

fn conflict(expected: Version, actual: Version) -> Problem {
    let detail = format!("the ticket is at version {actual}, not at {expected}: read it and decide again");
    Problem::new(StatusCode::CONFLICT, detail)
        .with_member("expectedVersion", expected.0)
        .with_member("actualVersion", actual.0)
}
