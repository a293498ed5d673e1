//! The CRM sink: exactly one record in Zoho Creator per analyzed ticket.
//!
//! Creator has no idempotency key, so the sink makes one: the ticket's id in a unique field. Around it, every request is
//! written down before it leaves; a request whose answer is lost is looked up before anything is sent again; and what the
//! CRM refuses is parked, never dropped.
//!
//! Reading order:
//! - [`settings`]: what can be set
//! - [`intake`]: which tickets the CRM is owed
//! - [`queue`]: the work list, and how a ticket moves on it
//! - [`dossier`]: a ticket as the log tells it, opened
//! - [`zoho`]: Zoho Accounts and Zoho Creator
//! - [`lane`]: the one sender: deliver, look up, deliver again
//! - [`outcome`]: settling: the row and the event commit together
//! - [`retry`], [`brake`]: when again
//! - [`status`]: how the sink is doing

pub mod brake;
pub mod dossier;
pub mod intake;
pub mod lane;
mod metric;
pub mod outcome;
pub mod queue;
pub mod retry;
pub mod settings;
pub mod status;
pub mod zoho;

use std::sync::Arc;

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, PersonalKeys, StoreError, database, personal_keys::master_key_from_file};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use service_host::{Health, Shutdown, cors::Cors, wait::until_ready};
use subscription::{Progress, Stage, projection};
use tokio::net::TcpListener;

use crate::{intake::Intake, lane::Lane, status::Status, zoho::Client};

pub use settings::Settings;

/// Name in logs, in the database's session list and on the bus.
pub const SERVICE: &str = "crm-sink";
/// Connections: the intake, the lane, the counting and health, with some to spare.
const POOL: u32 = 6;

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a setting is unusable or the server may lose what it confirms; a dependency that is away is waited for.
pub async fn run(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let mut shutdown = Shutdown::new();
    let stop = shutdown.token();
    let client = Arc::new(Client::new(&settings.zoho, settings.pace.request_timeout)?);
    let master_key = master_key_from_file(&settings.backbone.master_key_file)?;
    let pool = database::pool(settings.backbone.database_url.expose_secret(), SERVICE, POOL)?;
    let open = || EventStore::open(pool.clone());
    let Some(store) = until_ready("the event log", &stop, StoreError::may_pass, open).await? else {
        return Ok(());
    };
    let keys = PersonalKeys::open(pool.clone(), master_key).await?;
    let bus = Bus::connect_in_background(&settings.backbone.nats_url, SERVICE).await?;
    let listener = TcpListener::bind(settings.listen.address())
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;

    let (progress, status) = (Progress::new(intake::STAGE), Status::default());
    let health = health(metrics, &store, &progress, &status, &client);
    let lane = Lane::new(store.clone(), keys, client, settings.pace, status.clone());
    let appended = lane.appended();
    let stage = Stage { name: intake::STAGE, store, nats_url: settings.backbone.nats_url };
    shutdown.spawn("http", service_host::http::serve(listener, health.router(), Cors::none(), stop.clone()));
    shutdown.spawn("intake", projection::run(stage, Intake, progress, stop.clone()));
    shutdown.spawn("lane", lane::run(lane, stop.clone()));
    shutdown.spawn("status", status.watch(pool, stop.clone()));
    shutdown.spawn("hints", async move {
        stop.run_until_cancelled(bus.forward_hints(appended)).await;
        Ok(())
    });
    shutdown.run().await
}

/// Ready means: what is owed can be delivered, now or by waiting. What needs a person makes the sink unready; the CRM's
/// own ups and downs do not.
fn health(
    metrics: PrometheusHandle,
    store: &EventStore,
    progress: &Progress,
    status: &Status,
    client: &Arc<Client>,
) -> Health {
    let (store, progress) = (store.clone(), progress.clone());
    let (zoho, backlog, lane) = (status.clone(), status.clone(), status.clone());
    let (asked, token) = (client.clone(), client.clone());
    Health::new(metrics)
        .depends_on("postgres", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .depends_on("intake", move || std::future::ready(progress.problem().map_or(Ok(()), Err)))
        .depends_on("zoho", move || {
            let problem = asked.tokens().problem().or_else(|| zoho.problem());
            std::future::ready(problem.map_or(Ok(()), |problem| Err(problem.to_owned())))
        })
        .fact("backlog", move || backlog.backlog_json())
        .fact("lane", move || lane.lane_json())
        .fact("token", move || status::token_json(&token))
}
