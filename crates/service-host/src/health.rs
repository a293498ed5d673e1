//! Liveness (the process works), readiness (it can do its job now) and the state of each dependency. Liveness never
//! depends on a neighbour: restarting a healthy process does not heal a sick database.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use chrono::{DateTime, Utc};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use crate::clock;

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Arc<dyn Fn() -> Answer + Send + Sync>;
type Fact = Arc<dyn Fn() -> Value + Send + Sync>;

/// What a process needs and how to ask each of them.
#[derive(Clone)]
pub struct Health {
    started: DateTime<Utc>,
    metrics: PrometheusHandle,
    checks: Vec<(&'static str, Check)>,
    facts: Vec<(&'static str, Fact)>,
}

impl Health {
    /// A process that depends on nothing.
    #[must_use]
    pub fn new(metrics: PrometheusHandle) -> Self {
        Self { started: clock::now(), metrics, checks: vec![], facts: vec![] }
    }

    /// Adds a dependency; `check` says what is wrong, in words fit for a public answer.
    #[must_use]
    pub fn depends_on<F>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// Adds a member to the `/health` answer, such as `model_loaded`.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        self.facts.push((name, Arc::new(value)));
        self
    }

    /// `/health`, `/livez`, `/readyz` and `/metrics`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(async || Json(json!({ "status": "alive" }))))
            .route("/readyz", get(report))
            .route("/health", get(report))
            .route("/metrics", get(async |State(health): State<Self>| health.metrics.render()))
            .with_state(self)
    }

    /// Status and body of the report: 200 when every dependency answers, else 503.
    pub async fn report(&self) -> (StatusCode, Value) {
        let mut dependencies = serde_json::Map::new();
        let mut healthy = true;
        for (name, check) in &self.checks {
            let outcome =
                tokio::time::timeout(PATIENCE, check()).await.unwrap_or_else(|_| Err("no answer".into()));
            healthy &= outcome.is_ok();
            let state = outcome.map_or_else(
                |problem| json!({ "status": "down", "problem": problem }),
                |()| json!({ "status": "up" }),
            );
            dependencies.insert((*name).to_owned(), state);
        }
        let now = clock::now();
        let mut body = json!({
            "status": if healthy { "healthy" } else { "unhealthy" },
            "timestamp": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "uptime": (now - self.started).num_seconds(),
            "version": env!("CARGO_PKG_VERSION"),
            "dependencies": dependencies,
        });
        for (name, value) in &self.facts {
            body[*name] = value();
        }
        (if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
    }
}

/// The handler behind `/health` and `/readyz`, for services that also answer on another path.
pub async fn report(State(health): State<Health>) -> (StatusCode, Json<Value>) {
    let (status, body) = health.report().await;
    (status, Json(body))
}
