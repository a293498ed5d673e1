//! A log and a projector on a database of their own.

use std::sync::OnceLock;

use axum::Router;
use clap::Parser as _;
use event_store::{
    Append, Appended, EventStore, Expected, NewEvent, PersonalKeys, cipher::SecretKey, database,
};
use local_stack::testing::TestDatabase;
use metrics_exporter_prometheus::PrometheusBuilder;
use projector::{
    Settings, http, projection,
    reading::{Reading, Replica},
};
use schemas::{EventId, Position, TicketEvent, TicketId, envelope::Metadata};
use sqlx::{AssertSqlSafe, PgPool};
use subscription::{Progress, Stage};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// No bus is needed: the projection reads the log.
const NOBODY: &str = "nats://127.0.0.1:1";

pub(crate) struct Hub {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
    pub(crate) progress: Progress,
    /// What services may do, and no more.
    pub(crate) services: PgPool,
    pub(crate) searchable: Progress,
    pub(crate) stop: CancellationToken,
    queries: PgPool,
    /// What answers the queries instead of the database.
    pub(crate) replica: Option<Replica>,
    pub(crate) database: TestDatabase,
    settings: Settings,
    projections: Vec<JoinHandle<anyhow::Result<()>>>,
    /// Made when it is first asked: its descriptions take milliseconds to put together.
    served: OnceLock<Router>,
}

impl Hub {
    /// An empty log with a projection that follows it.
    pub(crate) async fn start() -> Self {
        let mut hub = Self::without_projection().await;
        hub.start_projection();
        hub
    }

    pub(crate) async fn without_projection() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let pool = database::pool(database.url(), "test", 10).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        let arguments = ["projector", "--database-url", database.url(), "--master-key-file", "unused"];
        Self {
            keys: PersonalKeys::open(pool.clone(), SecretKey::from_bytes([9; 32])).await.unwrap(),
            store: EventStore::open(pool).await.unwrap(),
            services: database::pool(database.service_url(), "service", 5).unwrap(),
            queries: projector::queries::pool(database.url(), 10).unwrap(),
            replica: None,
            progress: Progress::new(projection::STAGE),
            searchable: Progress::new(projection::search::STAGE),
            stop: CancellationToken::new(),
            settings: Settings::parse_from(arguments),
            database,
            projections: vec![],
            served: OnceLock::new(),
        }
    }

    pub(crate) fn start_projection(&mut self) {
        self.start_projection_on(NOBODY);
    }

    pub(crate) fn start_projection_on(&mut self, nats_url: &str) {
        let stage = |name| Stage { name, store: self.store.clone(), nats_url: nats_url.to_owned() };
        let stop = CancellationToken::new();
        let tickets = projection::Tickets::new(self.keys.clone());
        let search = projection::search::Search::new(self.keys.clone(), self.progress.clone());
        let (progress, searchable) = (self.progress.clone(), self.searchable.clone());
        let stages = (stage(projection::STAGE), stage(projection::search::STAGE));
        self.projections = vec![
            tokio::spawn(subscription::projection::run(stages.0, tickets, progress, stop.clone())),
            tokio::spawn(subscription::projection::run(stages.1, search, searchable, stop)),
        ];
    }

    /// Removes every row of the read model.
    pub(crate) async fn empty(&self) {
        let tables = "projector.tickets, projector.timeline, projector.statistics, projector.requesters,
                      projector.embeddings, projector.last_changes, projector.search";
        let truncate = AssertSqlSafe(format!("truncate {tables}"));
        sqlx::raw_sql(truncate).execute(self.pool()).await.unwrap();
    }

    /// Ends the projection as a crash would.
    pub(crate) async fn stop_projection(&mut self) {
        for running in self.projections.drain(..) {
            running.abort();
            let _ = running.await;
        }
    }

    /// Ends the projection as a crash would, and starts another at the start of the log.
    pub(crate) async fn project_again(&mut self) {
        self.stop_projection().await;
        sqlx::raw_sql("update subscription.checkpoints set position = 0").execute(self.pool()).await.unwrap();
        self.progress = Progress::new(projection::STAGE);
        self.searchable = Progress::new(projection::search::STAGE);
        self.forget_keys().await;
        self.start_projection();
    }

    /// Empties the read model and lets the projections make it again.
    pub(crate) async fn project_anew(&mut self) {
        self.empty().await;
        self.project_again().await;
        self.settled().await;
    }

    /// Another process has other caches: keys that were destroyed stay destroyed.
    pub(crate) async fn forget_keys(&mut self) {
        self.served = OnceLock::new();
        self.keys = PersonalKeys::open(self.pool().clone(), SecretKey::from_bytes([9; 32])).await.unwrap();
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.store.pool()
    }

    /// The service's router, dressed as it is served.
    pub(crate) fn router(&self) -> Router {
        self.served.get_or_init(|| self.serve()).clone()
    }

    fn reading(&self) -> Reading {
        let log = self.queries.clone();
        match &self.replica {
            Some(replica) => replica.reading(log),
            None => Reading {
                model: log.clone(),
                log,
                progress: self.progress.clone(),
                search: self.searchable.clone(),
            },
        }
    }

    fn serve(&self) -> Router {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let health = projector::health(metrics, &self.store, &self.progress, &self.searchable);
        let (cors, stop) = (self.settings.cors.clone(), self.stop.clone());
        let state = http::AppState::new(self.reading(), self.keys.clone(), cors, stop);
        service_host::http::dress(http::router(state, health), &self.settings.cors)
    }

    /// Appends an event of ticket `n` under an id that was drawn before, for what is sealed in it.
    pub(crate) async fn append(&self, n: u128, id: EventId, event: TicketEvent) -> Appended {
        let metadata =
            Metadata { correlationid: id, causationid: None, traceparent: None, actor: "system:test".into() };
        let events = vec![NewEvent { id, event, metadata }];
        let append = Append { ticket: ticket_id(n), expected: Expected::Any, events, idempotency: None };
        self.store.append(append).await.unwrap()
    }

    /// Waits until the read model holds the whole log.
    pub(crate) async fn settled(&self) {
        let head = self.head().await;
        self.progress.reached(head).await;
        self.searchable.reached(head).await;
    }

    pub(crate) async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        for running in &self.projections {
            running.abort();
        }
    }
}

pub(crate) fn ticket_id(n: u128) -> TicketId {
    TicketId::new(n.into())
}

pub(crate) fn new_event_id() -> EventId {
    EventId::new(Uuid::now_v7())
}
