//! The command side: takes tickets in over HTTP, appends them to the log, and publishes the log to the bus.
//!
//! Reading order:
//! - [`settings`]: what can be set
//! - [`http`]: routes and what handlers share
//! - [`http::tickets`]: `POST /api/tickets`
//! - [`intake`]: from a valid submission to `TicketSubmitted` in the log
//! - [`http::commands`]: `POST /api/tickets/{id}/…`
//! - [`desk`]: from what a person asks of a ticket to its event in the log
//! - [`readings`]: what was read off a ticket's text, to compare corrections with
//! - [`audio`]: what an attached recording must be
//! - [`analysis_wait`]: answering with the analysis when a client asks to wait for it
//! - [`trace`]: one trace id from the request to the CRM record
//! - [`relay`]: from the log to the bus

pub mod analysis_wait;
pub mod audio;
pub mod desk;
pub mod http;
pub mod intake;
pub mod readings;
pub mod relay;
pub mod settings;
pub mod trace;

use std::time::Duration;

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, MasterKeys, PersonalKeys, StoreError, database};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use service_host::{Health, Shutdown, wait::until_ready};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use settings::Settings;

/// Name in logs, in the database's session list and on the bus.
pub const SERVICE: &str = "command-api";
/// Connections: few, because concurrent appends share commits.
const POOL: u32 = 8;
/// How often the database is asked whether it still keeps what it confirms.
const STILL_DURABLE: Duration = Duration::from_secs(10);

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a setting is unusable or the server may lose what it confirms, at the start or later; a dependency that is away is waited for.
pub async fn run(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let mut shutdown = Shutdown::new();
    let stop = shutdown.token();
    let master_keys = MasterKeys::from_file(&settings.backbone.master_key_file)?;
    let pool = database::pool(settings.backbone.database_url.expose_secret(), SERVICE, POOL)?;
    let open = || EventStore::open(pool.clone());
    let Some(store) = until_ready("the event log", &stop, StoreError::may_pass, open).await? else {
        return Ok(());
    };
    let keys = PersonalKeys::open(pool, master_keys).await?;
    let bus = Bus::connect_in_background(&settings.backbone.nats_url, SERVICE).await?;
    let listener = TcpListener::bind(settings.listen.address())
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;

    let relay = relay::Relay::new(store.clone(), bus.clone());
    let health = health(metrics, &store, &bus, &relay);
    let router = http::router(http::AppState::new(&settings, store.clone(), keys, bus.clone()), health);
    let appended = store.appended();
    shutdown.spawn("http", service_host::http::serve(listener, router, settings.cors, stop.clone()));
    shutdown.spawn("relay", relay.run(stop.clone()));
    shutdown.spawn("the event log", refuse_to_lose(store, stop.clone()));
    shutdown.spawn("hints", async move {
        stop.run_until_cancelled(bus.forward_hints(appended)).await;
        Ok(())
    });
    shutdown.run().await
}

/// Stops the process rather than confirm what a power cut would take back.
async fn refuse_to_lose(store: EventStore, stop: CancellationToken) -> anyhow::Result<()> {
    match stop.run_until_cancelled(store.not_durable(STILL_DURABLE)).await {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// Only the log decides whether tickets can be taken in; without the bus they are taken in all the same.
fn health(metrics: PrometheusHandle, store: &EventStore, bus: &Bus, relay: &relay::Relay) -> Health {
    let (store, bus, leads) = (store.clone(), bus.clone(), relay.leads());
    let (relayed, relaying) = (relay.progress(), relay.progress());
    Health::new(metrics)
        .depends_on("postgres", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .fact("bus", move || if bus.is_connected() { "up".into() } else { "down".into() })
        .fact("relays", move || (*leads.borrow()).into())
        .fact("relayProblem", move || relaying.problem().into())
        .fact("relayedPosition", move || relayed.position().0.into())
}
