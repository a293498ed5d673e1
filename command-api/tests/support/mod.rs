//! A command side on a private database, called without a network.

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use clap::Parser as _;
use command_api::{Settings, http};
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys, cipher::SecretKey, database};
use local_stack::testing::{TestDatabase, insist};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use service_host::Health;
use tower::ServiceExt as _;

/// Nobody listens there.
pub(crate) const NOBODY: &str = "nats://127.0.0.1:1";

pub(crate) struct CommandSide {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) database: TestDatabase,
    router: Router,
}

impl CommandSide {
    pub(crate) async fn start() -> Self {
        Self::with_bus(NOBODY).await
    }

    pub(crate) async fn with_bus(nats_url: &str) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let owner = database::pool(database.url(), "owner", 1).unwrap();
        database::MIGRATOR.run(&owner).await.unwrap();
        let pool = database::pool(database.service_url(), "test", 20).unwrap();
        let store = insist("the log", async || EventStore::open(pool.clone()).await).await;
        let keys = PersonalKeys::open(pool, SecretKey::from_bytes([9; 32])).await.unwrap();
        let bus = Bus::connect_in_background(nats_url, "test").await.unwrap();
        let flags = ["command-api", "--database-url", database.service_url(), "--master-key-file", "unused"];
        let settings = Settings::parse_from(flags);
        let state = http::AppState::new(&settings, store.clone(), keys.clone(), bus);
        let health = Health::new(PrometheusBuilder::new().build_recorder().handle());
        let router = service_host::http::dress(http::router(state, health), &settings.cors);
        Self { store, keys, database, router }
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post("/api/tickets").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn ticket() -> Value {
    json!({
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "requestType": "Network",
        "description": "The VPN drops every ten minutes since the update."
    })
}
