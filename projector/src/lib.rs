//! The query side: keeps the read model of tickets, a function of the log, and answers queries from it.
//!
//! Reading order:
//! - [`settings`]: what can be set
//! - [`read_model`]: a ticket as the read model holds it
//! - [`projection`]: from the log into the read model, one function per event type
//! - [`statistics`]: counters that are kept, not counted
//! - [`rebuild`]: the read model made anew from the log, beside the live one
//! - [`upgrade`]: a newer version's tables are made anew at the start
//! - [`drift`]: whether the live read model still says what the log says
//! - [`as_of`]: tickets and statistics as they were
//! - [`personal`]: personal data in clear text, as long as there is a key
//! - [`queries`]: from the read model, compile-time checked
//! - [`reading`]: where queries are answered from, the database or a replica of it
//! - [`live`]: what happens, told to whoever listens
//! - [`http`]: routes, parameters and bodies

pub mod as_of;
pub mod drift;
pub mod http;
pub mod live;
pub mod personal;
pub mod projection;
pub mod queries;
pub mod read_model;
pub mod reading;
pub mod rebuild;
pub mod settings;
pub mod statistics;
pub mod upgrade;

use anyhow::Context as _;
use event_store::{EventStore, MasterKeys, PersonalKeys, StoreError, database};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use service_host::{Health, Shutdown, wait::until_ready};
use subscription::{Progress, Stage};
use tokio::{net::TcpListener, sync::oneshot};

use drift::Drift;
use projection::contract::{PROJECTIONS, SEARCH};
use reading::{Reading, Replica};
use rebuild::{Pace, Rebuild};
pub use settings::Settings;

/// Name in logs and in the database's session list.
pub const SERVICE: &str = "projector";
/// Connections of the projections: a transaction each, keys and checkpoints.
const PROJECTION_POOL: u32 = 6;
/// Connections of the queries: their own, so that slow queries never hold up the projection.
const QUERY_POOL: u32 = 12;

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a setting is unusable or the server may lose what it confirms; a dependency that is away is waited for.
pub async fn run(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let mut shutdown = Shutdown::new();
    let stop = shutdown.token();
    let master_keys = MasterKeys::from_file(&settings.backbone.master_key_file)?;
    let database_url = settings.backbone.database_url.expose_secret();
    let pool = database::pool(database_url, SERVICE, PROJECTION_POOL)?;
    let open = || EventStore::open(pool.clone());
    let Some(store) = until_ready("the event log", &stop, StoreError::may_pass, open).await? else {
        return Ok(());
    };
    let keys = PersonalKeys::open(pool, master_keys.clone()).await?;
    let listener = TcpListener::bind(settings.listen.address())
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;

    let progress = Progress::new(projection::STAGE);
    let searchable = Progress::new(projection::search::STAGE);
    let (drift, drift_check_every) = (Drift::default(), settings.drift_check_every());
    let queries = queries::pool(database_url, QUERY_POOL)?;
    let found = drift.clone();
    let mut health = health(metrics, &store, &progress, &searchable).fact("drift", move || found.report());
    let readers_keys = PersonalKeys::open(queries.clone(), master_keys).await?;
    let reading = match &settings.read_database_url {
        None => {
            let (progress, search) = (progress.clone(), searchable.clone());
            Reading { model: queries.clone(), log: queries, progress, search }
        }
        Some(url) => {
            let replica = Replica::open(url, QUERY_POOL)?;
            health = with_replica(health, replica.clone());
            shutdown.spawn("replica", replica.clone().follow(stop.clone()));
            replica.reading(queries)
        }
    };
    let state = http::AppState::new(reading, readers_keys, settings.cors.clone(), stop.clone());
    let router = http::router(state, health);
    let stage_of = |name| Stage { name, store: store.clone(), nats_url: settings.backbone.nats_url.clone() };
    let rebuild = |pace| Rebuild::new(store.pool().clone(), keys.clone(), pace, stop.clone());
    let (upgrade, check) = (rebuild(Pace::FAST), rebuild(Pace::GENTLE));
    let upgrade_of_words = upgrade.clone();
    let (tickets, search) = (stage_of(projection::STAGE), stage_of(projection::search::STAGE));
    shutdown.spawn("http", service_host::http::serve(listener, router, settings.cors, stop.clone()));
    shutdown.spawn("drift", drift::watch(check, drift_check_every, drift, stop.clone()));
    let words = projection::search::Search::new(keys.clone(), progress.clone());
    let stop_words = stop.clone();
    // Tickets first: what is searched for is no use without them.
    let (tickets_are_made, tickets_made) = oneshot::channel();
    shutdown.spawn("search", async move {
        let _ = tickets_made.await;
        let (pool, rebuild) = (search.store.pool(), &upgrade_of_words);
        upgrade::bring_up_to_date(pool, rebuild, &[&SEARCH], &searchable, &stop_words).await;
        subscription::projection::run(search, words, searchable, stop_words).await
    });
    shutdown.spawn("projection", async move {
        upgrade::bring_up_to_date(tickets.store.pool(), &upgrade, &PROJECTIONS, &progress, &stop).await;
        let _ = tickets_are_made.send(());
        subscription::projection::run(tickets, projection::Tickets::new(keys), progress, stop).await
    });
    shutdown.run().await
}

/// Nothing is answered while the replica is away.
fn with_replica(health: Health, replica: Replica) -> Health {
    health.depends_on("replica", move || {
        let problem = replica.problem();
        async move { problem.map_or(Ok(()), Err) }
    })
}

/// Without the bus the projection is slower, not down: it reads the log.
#[must_use]
pub fn health(
    metrics: PrometheusHandle,
    store: &EventStore,
    progress: &Progress,
    searchable: &Progress,
) -> Health {
    let (store, position, progress) = (store.clone(), progress.clone(), progress.clone());
    let (searchable, searched) = (searchable.clone(), searchable.clone());
    Health::new(metrics)
        .depends_on("postgres", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .depends_on("projection", move || {
            let problem = progress.problem();
            async move { problem.map_or(Ok(()), Err) }
        })
        .depends_on("search", move || {
            let problem = searchable.problem();
            async move { problem.map_or(Ok(()), Err) }
        })
        .fact("searchablePosition", move || searched.position().0.into())
        .fact("projectedPosition", move || position.position().0.into())
}
