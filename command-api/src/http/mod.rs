//! Routes and what handlers share.

pub mod tickets;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys};
use service_host::Health;

use crate::{Settings, audio};

/// What every handler may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) bus: Bus,
    pub(crate) request_types: Arc<[String]>,
}

impl AppState {
    /// The state of a service with these parts.
    #[must_use]
    pub fn new(settings: &Settings, store: EventStore, keys: PersonalKeys, bus: Bus) -> Self {
        Self { store, keys, bus, request_types: settings.request_types.clone().into() }
    }
}

/// Every route of the service.
pub fn router(state: AppState, health: Health) -> Router {
    Router::new()
        .route("/api/tickets", post(tickets::submit).layer(DefaultBodyLimit::max(audio::BODY_LIMIT)))
        .with_state(state)
        .merge(health.router())
}
