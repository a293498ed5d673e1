//! The CRM sink: exactly one record in Zoho Creator per analyzed ticket, and every later change of the ticket in it.
//!
//! Creator has no idempotency key, so the sink makes one: the ticket's id in a unique field. Around it, every request is
//! written down before it leaves; a request whose answer is lost is looked up before anything is sent again; and what the
//! CRM refuses is parked, never dropped.
//!
//! Reading order:
//! - [`settings`]: what can be set
//! - [`intake`]: which tickets a system is owed, and which records are out of date
//! - [`queue`]: the work list, and how a ticket moves on it
//! - [`dossier`]: a ticket as the log tells it, opened
//! - [`destination`]: what a system has to offer to be delivered to
//! - [`zoho`], [`webhook`]: the two that do
//! - [`lane`]: the one sender: deliver, look up, deliver again, update, reconcile
//! - [`outcome`]: settling: the row and the event commit together
//! - [`retry`], [`brake`]: when again
//! - [`control`]: who leads the lane, and what operators tell it
//! - [`reconciliation`]: comparing both sides
//! - [`check`]: whether the form fits
//! - [`operator`]: what `hubctl crm` does
//! - [`status`]: how the sink is doing

pub mod brake;
pub mod check;
pub mod control;
pub mod destination;
pub mod dossier;
pub mod intake;
pub mod lane;
mod metric;
pub mod operator;
pub mod outcome;
pub mod queue;
pub mod reconciliation;
pub mod retry;
pub mod settings;
pub mod status;
pub mod webhook;
pub mod zoho;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, MasterKeys, PersonalKeys, StoreError, cipher::SecretKey, database};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use service_host::{Health, Shutdown, cors::Cors, wait::until_ready};
use sqlx::PgPool;
use subscription::{Progress, Stage, projection};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    destination::Destination,
    intake::Intake,
    lane::Lane,
    settings::Sink,
    status::Status,
    webhook::Receiver,
    zoho::{Client, Vault, ZohoSettings},
};

pub use settings::Settings;

/// Name in logs, in the database's session list and on the bus.
pub const SERVICE: &str = "crm-sink";
/// Connections: the intake, the lane, the counting and health, with some to spare.
const POOL: u32 = 6;
/// How often the nightly comparison is thought of.
const THINK_OF_IT: Duration = Duration::from_mins(1);

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a setting is unusable, the form does not fit the mapping, or the server may lose what it confirms; a dependency
/// that is away is waited for.
pub async fn run(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let master_keys = MasterKeys::from_file(&settings.backbone.master_key_file)?;
    let pool = database::pool(settings.backbone.database_url.expose_secret(), SERVICE, POOL)?;
    match settings.sink {
        Sink::Zoho => {
            let key = token_key(&settings.zoho, &master_keys)?;
            let vault = Vault { pool: pool.clone(), key };
            let client = Arc::new(Client::new(&settings.zoho, settings.pace.request_timeout, vault)?);
            Service { settings, metrics, master_keys, pool, destination: client.clone() }
                .run(Some(client))
                .await
        }
        Sink::Webhook => {
            let receiver = Arc::new(Receiver::new(&settings.webhook, settings.pace.request_timeout)?);
            Service { settings, metrics, master_keys, pool, destination: receiver }.run(None).await
        }
    }
}

/// The key that encrypts access tokens.
///
/// # Errors
/// When its file is unusable.
pub fn token_key(settings: &ZohoSettings, master_keys: &MasterKeys) -> anyhow::Result<SecretKey> {
    match &settings.token_key_file {
        Some(file) => Ok(MasterKeys::from_file(file)?.first().key().clone()),
        None => Ok(master_keys.first().key().clone()),
    }
}

struct Service<D> {
    settings: Settings,
    metrics: PrometheusHandle,
    master_keys: MasterKeys,
    pool: PgPool,
    destination: Arc<D>,
}

impl<D: Destination> Service<D> {
    async fn run(self, zoho: Option<Arc<Client>>) -> anyhow::Result<()> {
        let Self { settings, metrics, master_keys, pool, destination } = self;
        let mut shutdown = Shutdown::new();
        let stop = shutdown.token();
        let open = || EventStore::open(pool.clone());
        let Some(store) = until_ready("the event log", &stop, StoreError::may_pass, open).await? else {
            return Ok(());
        };
        let keys = PersonalKeys::open(pool.clone(), master_keys).await?;
        let bus = Bus::connect_in_background(&settings.backbone.nats_url, SERVICE).await?;
        let listener = TcpListener::bind(settings.listen.address())
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;

        let sink = destination.system();
        let name = intake::stage(sink);
        let (progress, status) = (Progress::new(name), Status::default());
        let health = health(metrics, &store, &progress, &status, zoho.as_ref());
        let lane = Lane::new(store.clone(), keys, destination.clone(), settings.pace, status.clone());
        let appended = lane.appended();
        let stage = Stage { name, store, nats_url: settings.backbone.nats_url };
        shutdown
            .spawn("http", service_host::http::serve(listener, health.router(), Cors::none(), stop.clone()));
        shutdown.spawn("intake", projection::run(stage, Intake { sink }, progress, stop.clone()));
        shutdown.spawn("status", status.clone().watch(pool.clone(), destination, stop.clone()));
        if let Some(zoho) = &zoho {
            shutdown.spawn("schedule", schedule(settings.zoho, zoho.clone(), pool.clone(), stop.clone()));
        }
        shutdown.spawn("lane", checked_lane(lane, zoho, status, pool, stop.clone()));
        shutdown.spawn("hints", async move {
            stop.run_until_cancelled(bus.forward_hints(appended)).await;
            Ok(())
        });
        shutdown.run().await
    }
}

async fn checked_lane<D: Destination>(
    lane: Lane<D>,
    zoho: Option<Arc<Client>>,
    status: Status,
    pool: PgPool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    if let Some(zoho) = zoho
        && !check::until_checked(&zoho, &pool, &status, &stop).await?
    {
        return Ok(());
    }
    lane::run(lane, stop).await
}

/// Asks for the nightly comparison.
async fn schedule(
    settings: ZohoSettings,
    client: Arc<Client>,
    pool: PgPool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (hour, days) = (settings.reconcile_hour, settings.reconcile_days);
    loop {
        let asked = async {
            let now = queue::clock(&pool).await?;
            reconciliation::schedule(&pool, zoho::SYSTEM, client.budget().zone(), hour, days, now).await
        };
        if let Err(error) = asked.await {
            tracing::warn!(%error, "cannot ask for the nightly comparison");
        }
        if stop.run_until_cancelled(tokio::time::sleep(THINK_OF_IT)).await.is_none() {
            return Ok(());
        }
    }
}

/// Ready means: what is owed can be delivered, now or by waiting. What needs a person makes the sink unready; the CRM's
/// own ups and downs do not.
fn health(
    metrics: PrometheusHandle,
    store: &EventStore,
    progress: &Progress,
    status: &Status,
    zoho: Option<&Arc<Client>>,
) -> Health {
    let (store, progress) = (store.clone(), progress.clone());
    let (needs, backlog, lane) = (status.clone(), status.clone(), status.clone());
    let (asked, token) = (zoho.cloned(), zoho.cloned());
    let name = if zoho.is_some() { zoho::SYSTEM } else { webhook::SYSTEM };
    Health::new(metrics)
        .depends_on("postgres", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .depends_on("intake", move || std::future::ready(progress.problem().map_or(Ok(()), Err)))
        .depends_on(name, move || {
            let token = asked.as_ref().and_then(|client| client.tokens().problem());
            let problem = token.or_else(|| needs.problem().map(str::to_owned));
            std::future::ready(problem.map_or(Ok(()), Err))
        })
        .fact("backlog", move || backlog.backlog_json())
        .fact("lane", move || lane.lane_json())
        .fact("token", move || token.as_deref().map_or(Value::Null, token_json))
}

/// The access token as `/health` shows it.
fn token_json(client: &Client) -> Value {
    match (client.tokens().problem(), client.tokens().use_until()) {
        (Some(problem), _) => json!({ "state": "stopped", "problem": problem }),
        (None, Some(until)) => json!({ "state": "held", "useUntil": until }),
        (None, None) => json!({ "state": "none" }),
    }
}
