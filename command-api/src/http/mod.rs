//! Routes and what handlers share.
//!
//! - [`tickets`]: `POST /api/tickets`
//! - [`commands`]: `POST /api/tickets/{id}/…`, one handler for all of them
//! - [`bodies`]: what each of them takes
//! - [`headers`]: what clients ask for in headers

pub mod bodies;
pub mod commands;
pub mod headers;
pub mod tickets;

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode},
    routing::post,
};
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys};
use service_host::{Health, Problem};
use ticket::submission::Violation;

use crate::{Settings, audio};

/// What every handler may use. One pointer, because axum clones it several times per request.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// What it points to.
#[derive(Debug)]
pub struct Parts {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) bus: Bus,
    pub(crate) request_types: Vec<String>,
}

impl AppState {
    /// The state of a service with these parts.
    #[must_use]
    pub fn new(settings: &Settings, store: EventStore, keys: PersonalKeys, bus: Bus) -> Self {
        Self(Arc::new(Parts { store, keys, bus, request_types: settings.request_types.clone() }))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Every route of the service.
pub fn router(state: AppState, health: Health) -> Router {
    Router::new()
        .route("/api/tickets", post(tickets::submit).layer(DefaultBodyLimit::max(audio::BODY_LIMIT)))
        .route("/api/tickets/{id}/comments", post(commands::command::<bodies::Comment>))
        .route("/api/tickets/{id}/assign", post(commands::command::<bodies::Assign>))
        .route("/api/tickets/{id}/resolve", post(commands::command::<bodies::Resolve>))
        .route("/api/tickets/{id}/reopen", post(commands::command::<bodies::Reopen>))
        .route("/api/tickets/{id}/close", post(commands::command::<bodies::Close>))
        .route("/api/tickets/{id}/confirm", post(commands::command::<bodies::Confirm>))
        .route("/api/tickets/{id}/corrections", post(commands::command::<bodies::Correct>))
        .with_state(state)
        .merge(health.router())
}

/// Tells a client that this is the answer to its earlier request.
const IDEMPOTENCY_REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

/// 400 with every wrong field.
fn invalid(violations: impl IntoIterator<Item = Violation>) -> Problem {
    violations.into_iter().fold(Problem::bad_request("Validation failed"), |problem, violation| {
        problem.with_detail(violation.field, violation.problem)
    })
}

fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "this Idempotency-Key was used for a different request; use a new key",
    )
}

fn broken() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
}
