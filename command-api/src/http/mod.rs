//! Routes and what handlers share.

pub mod tickets;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    routing::post,
};
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys};
use service_host::Health;
use tower_http::cors::CorsLayer;

use crate::{Settings, audio};

/// What every handler may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) bus: Bus,
    pub(crate) request_types: Arc<[String]>,
    cors_origins: Arc<[String]>,
}

impl AppState {
    /// The state of a service with these parts.
    #[must_use]
    pub fn new(settings: &Settings, store: EventStore, keys: PersonalKeys, bus: Bus) -> Self {
        Self {
            store,
            keys,
            bus,
            request_types: settings.request_types.clone().into(),
            cors_origins: settings.cors_origins.clone().into(),
        }
    }
}

/// Every route of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let cors = cors(&state.cors_origins);
    Router::new()
        .route("/api/tickets", post(tickets::submit).layer(DefaultBodyLimit::max(audio::BODY_LIMIT)))
        .layer(cors)
        .with_state(state)
        .merge(health.router())
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new().allow_origin(origins).allow_methods([Method::GET, Method::POST]).allow_headers([
        header::CONTENT_TYPE,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("prefer"),
    ])
}
