//! Routes and what handlers share.
//!
//! - [`tickets`]: `POST /api/tickets`
//! - [`commands`]: `POST /api/tickets/{id}/…`, one handler for all of them
//! - [`bodies`]: what each of them takes
//! - [`headers`]: what clients ask for in headers
//! - `routes`: every route with its description; `text`: what texts may be, in it

pub mod bodies;
pub mod commands;
pub mod headers;
mod routes;
mod text;
pub mod tickets;

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    routing::get,
};
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys};
use service_host::{Health, Problem, openapi};
use ticket::submission::Violation;

use crate::{Settings, desk::Beginnings};

/// What every handler may use. One pointer, because axum clones it several times per request.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// What it points to.
#[derive(Debug)]
pub struct Parts {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) bus: Bus,
    pub(crate) beginnings: Beginnings,
    pub(crate) request_types: Vec<String>,
}

impl AppState {
    /// The state of a service with these parts.
    #[must_use]
    pub fn new(settings: &Settings, store: EventStore, keys: PersonalKeys, bus: Bus) -> Self {
        let (beginnings, request_types) = (Beginnings::default(), settings.request_types.clone());
        Self(Arc::new(Parts { store, keys, bus, beginnings, request_types }))
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
    let (router, document) = routes::api().split();
    let text: Arc<str> = document.to_string().into();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let router = router
        .with_state(state)
        .route("/openapi.json", get(async move || (json, text.to_string())))
        .merge(health.router());
    // Behind the gateway commands to paths that only the query side knows come here too.
    let whole = serde_json::from_str(schemas::contract::OPEN_API).unwrap_or(document);
    openapi::refuse_other_methods(router, &whole)
}

/// The description of the command side.
#[must_use]
pub fn description() -> serde_json::Value {
    routes::api().split().1
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
