//! Routes and what handlers share.
//!
//! - [`list`]: `GET /api/tickets`, with its [`cursor`]
//! - [`ticket`]: `GET /api/tickets/{id}`, with its [`body`] and its [`etag`]
//! - [`events`]: `GET /api/tickets/{id}/events`
//! - [`journey`]: `GET /api/tickets/{id}/journey`
//! - [`statistics`]: `GET /api/tickets/stats/summary`
//! - [`key`]: the `{id}` of a path
//! - [`answer`]: the shape of every answer
//! - [`freshness`]: reading one's own writes

pub mod answer;
pub mod body;
pub mod cursor;
pub mod etag;
pub mod events;
pub mod freshness;
pub mod journey;
pub mod key;
pub mod list;
pub mod statistics;
pub mod ticket;

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    routing::{any, get},
};
use event_store::PersonalKeys;
use service_host::{Health, Problem, health};
use sqlx::PgPool;
use subscription::Progress;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::queries::QueryError;

/// What every handler may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) pool: PgPool,
    pub(crate) keys: PersonalKeys,
    pub(crate) progress: Progress,
}

impl AppState {
    /// The state of a service that queries through `pool`, shows what `keys` open, and projects as `progress` says.
    #[must_use]
    pub const fn new(pool: PgPool, keys: PersonalKeys, progress: Progress) -> Self {
        Self { pool, keys, progress }
    }
}

/// Every route of the service.
pub fn router(state: AppState, health: Health) -> Router {
    Router::new()
        .route("/api/tickets", get(list::list))
        .route("/api/tickets/{id}", get(ticket::ticket))
        .route("/api/tickets/{id}/events", get(events::events))
        .route("/api/tickets/{id}/journey", get(journey::journey))
        .route("/api/tickets/stats/summary", get(statistics::summary))
        .with_state(state)
        .route("/api/tickets/health/status", get(health::report).with_state(health.clone()))
        // Behind the gateway the preflights of commands come here too, for paths that only the command side knows.
        .route("/api/{*path}", any(async || Problem::not_found("there is nothing at this path")))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, PRIVATE))
        .merge(health.router())
}

/// Tickets hold personal data: no shared cache may keep them, and a browser asks before it shows one again.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The one place where a failed query becomes a status.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let transient = error.may_pass();
        let cause = format!("{:#}", anyhow::Error::from(error));
        if transient {
            tracing::warn!(cause, "the read model is unavailable");
            return Self::unavailable("tickets cannot be read right now", 2);
        }
        tracing::error!(cause, "a query failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
    }
}

/// No such ticket, or none for this client: the same answer whatever the reason.
fn no_such_ticket() -> Problem {
    Problem::not_found("there is no such ticket")
}
