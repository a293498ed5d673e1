//! Routes and what handlers share.
//!
//! - [`list`]: `GET /api/tickets`, with its [`filter`], [`question`], [`sort`], [`cursor`] and [`fields`]
//! - [`ticket`]: `GET /api/tickets/{id}`, with its [`body`] and its [`etag`]
//! - [`events`]: `GET /api/tickets/{id}/events`
//! - [`journey`]: `GET /api/tickets/{id}/journey`
//! - [`similar`]: `GET /api/tickets/{id}/similar`, [`requester`]: `GET /api/tickets/{id}/requester`, with tickets in [`brief`]
//! - [`stream`]: `GET /api/events`, [`rooms`]: `GET /api/ws`: what happens, live
//! - [`statistics`]: `GET /api/tickets/stats/summary`
//! - [`analytics`]: `GET /api/analytics/…`; [`period`]: the time they are about
//! - [`export`]: `GET /api/tickets/export`; [`table`]: rows sent as they are read
//! - [`key`]: the `{id}` of a path; [`parameter`]: what stands in queries
//! - `routes`: every route with its description, `examples`, [`docs`]: `/openapi.json`, `/asyncapi.json`, `/api/docs`
//! - [`answer`]: the shape of every answer
//! - [`freshness`]: reading one's own writes

pub mod analytics;
pub mod answer;
pub mod asyncapi;
pub mod body;
pub mod brief;
pub mod cursor;
pub mod docs;
pub mod etag;
pub mod events;
mod examples;
pub mod export;
pub mod fields;
pub mod filter;
pub mod freshness;
pub mod journey;
pub mod key;
pub mod list;
pub mod parameter;
pub mod period;
pub mod question;
pub mod requester;
pub mod rooms;
mod routes;
pub mod similar;
pub mod sort;
pub mod statistics;
pub mod stream;
pub mod table;
pub mod ticket;

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    routing::{any, get},
};
use event_store::PersonalKeys;
use service_host::{Health, Problem, cors::Cors, health, openapi};
use sqlx::PgPool;
use subscription::Progress;
use tokio_util::sync::CancellationToken;
use tower_http::{CompressionLevel, compression::CompressionLayer, set_header::SetResponseHeaderLayer};

use crate::{
    live::Live,
    queries::{QueryError, ticket::Tickets},
    reading::Reading,
};

/// What every handler may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The read model.
    pub(crate) pool: PgPool,
    /// The log, where it is written.
    pub(crate) log: PgPool,
    pub(crate) tickets: Tickets,
    pub(crate) keys: PersonalKeys,
    pub(crate) progress: Progress,
    pub(crate) search: Progress,
    pub(crate) live: Live,
    pub(crate) cors: Cors,
}

impl AppState {
    /// The state of a service that answers from `reading` and shows what `keys` open. Live streams end with `stop`.
    #[must_use]
    pub fn new(reading: Reading, keys: PersonalKeys, cors: Cors, stop: CancellationToken) -> Self {
        let live = Live::new(reading.clone(), stop);
        let Reading { model: pool, log, progress, search } = reading;
        let tickets = Tickets::start(pool.clone());
        Self { pool, log, tickets, keys, progress, search, live, cors }
    }
}

/// Every route of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (router, own) = routes::api().split();
    let router = router
        .with_state(state)
        .route("/api/tickets/health/status", get(health::report).with_state(health.clone()))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, PRIVATE))
        .merge(docs::router(&own))
        // Behind the gateway the preflights of commands come here too, for paths that only the command side knows.
        .route("/api/{*path}", any(async || Problem::not_found("there is nothing at this path")))
        // The cheapest level: most of the gain, little of the time. Live streams are left alone by the layer itself.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .merge(health.router());
    openapi::refuse_other_methods(router, &docs::whole(&own))
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

/// 500 for what cannot happen.
fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(cause = %error, "an answer could not be written");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
}

/// No such ticket, or none for this client: the same answer whatever the reason.
fn no_such_ticket() -> Problem {
    Problem::not_found("there is no such ticket")
}
