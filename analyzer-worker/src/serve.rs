//! `analyzer-worker serve`: the stage on the log and the HTTP listener, on one model.

use std::time::Duration;

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, MasterKeys, PersonalKeys, StoreError, database};
use metrics_exporter_prometheus::PrometheusHandle;
use schemas::analysis::ModelRef;
use secrecy::ExposeSecret as _;
use service_host::{Health, Shutdown, cors::Cors, wait::until_ready};
use subscription::{Progress, Stage, reaction};
use tokio::net::TcpListener;

use crate::{
    engine::Engine,
    http,
    models::{Models, ModelsError},
    settings::ServeSettings,
    transcription::{self, Outage, Transcriber, TranscriptionStage},
    worker::{STAGE, Worker},
};

/// Name in logs, in the database's session list and on the bus.
pub const SERVICE: &str = "analyzer-worker";
/// Connections: reading, keys and appends of the tickets in flight, and the checkpoint.
const POOL: u32 = 8;
/// How often the log is asked which model shall answer.
const ASK_FOR_PROMOTIONS: Duration = Duration::from_secs(15);

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a setting is unusable, or the server may lose what it confirms; a dependency that is
/// away is waited for, and rules answer for a model that cannot run.
pub async fn run(settings: ServeSettings, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let mut shutdown = Shutdown::new();
    let stop = shutdown.token();
    let master_keys = MasterKeys::from_file(&settings.backbone.master_key_file)?;
    let engine = Engine::start_in_background(&settings.model)?;
    let pool = database::pool(settings.backbone.database_url.expose_secret(), SERVICE, POOL)?;
    let open = || EventStore::open(pool.clone());
    let Some(store) = until_ready("the event log", &stop, StoreError::may_pass, open).await? else {
        return Ok(());
    };
    let keys = PersonalKeys::open(pool, master_keys).await?;
    let models = Models::new(store.clone(), settings.promoted_dir, settings.model.heads_dir);
    let bus = Bus::connect_in_background(&settings.backbone.nats_url, SERVICE).await?;
    let listener = TcpListener::bind(settings.listen.address())
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;

    let progress = Progress::new(STAGE);
    let mut health = health(metrics, &store, &engine, &progress);
    let stage = Stage { name: STAGE, store: store.clone(), nats_url: settings.backbone.nats_url };
    let appended = store.appended();
    if let Some(transcriber) = Transcriber::new(&settings.transcription)? {
        let stage = Stage { name: transcription::STAGE, ..stage.clone() };
        let recordings = TranscriptionStage::new(store.clone(), keys.clone(), transcriber);
        let progress = Progress::new(transcription::STAGE);
        health = with_transcriber(health, &progress, recordings.outage());
        shutdown.spawn("transcriber", reaction::run(stage, recordings, progress, stop.clone()));
    }
    let router = http::router(engine.clone(), health);
    let answering = switch(&models, &engine, None).await?;
    let promotions = follow_promotions(models.clone(), engine.clone(), answering);
    let worker = Worker::new(store, keys, engine, models);
    shutdown.spawn("http", service_host::http::serve(listener, router, Cors::none(), stop.clone()));
    shutdown.spawn("worker", reaction::run(stage, worker, progress, stop.clone()));
    let stop_following = stop.clone();
    shutdown.spawn("promotions", async move {
        stop_following.run_until_cancelled(promotions).await;
        Ok(())
    });
    shutdown.spawn("hints", async move {
        stop.run_until_cancelled(bus.forward_hints(appended)).await;
        Ok(())
    });
    shutdown.run().await
}

/// Lets each model answer that is promoted later: this process may be a standby, which does not read the log as it grows.
async fn follow_promotions(models: Models, engine: Engine, mut answering: Option<ModelRef>) {
    loop {
        tokio::time::sleep(ASK_FOR_PROMOTIONS).await;
        match switch(&models, &engine, answering.as_ref()).await {
            Ok(model) => answering = model,
            Err(error) => tracing::warn!(%error, "cannot tell which model shall answer"),
        }
    }
}

/// Lets the promoted model answer, if it does not yet. The heads that came with the program answer until the first
/// promotion.
async fn switch(
    models: &Models,
    engine: &Engine,
    answering: Option<&ModelRef>,
) -> Result<Option<ModelRef>, ModelsError> {
    let promoted = models.promoted().await?;
    if let Some(model) = promoted.as_ref().filter(|model| answering != Some(*model)) {
        engine.switch_to(models.folder(model).await?);
    }
    Ok(promoted)
}

/// Recordings wait while what writes them down is missing, and that shows.
fn with_transcriber(health: Health, progress: &Progress, outage: Outage) -> Health {
    let (stage, position) = (progress.clone(), progress.clone());
    health
        .depends_on("transcriber", move || {
            let problem = stage.problem().or_else(|| outage.problem());
            async move { problem.map_or(Ok(()), Err) }
        })
        .fact("transcribedPosition", move || position.position().0.into())
}

fn health(metrics: PrometheusHandle, store: &EventStore, engine: &Engine, progress: &Progress) -> Health {
    let (store, model, fact, own) = (store.clone(), engine.clone(), engine.clone(), engine.clone());
    let (stage, position) = (progress.clone(), progress.clone());
    Health::new(metrics)
        .depends_on("postgres", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .depends_on("model", move || {
            let problem = model.problem();
            async move { problem.map_or(Ok(()), Err) }
        })
        .depends_on("stage", move || {
            let problem = stage.problem();
            async move { problem.map_or(Ok(()), Err) }
        })
        .fact("model_loaded", move || fact.is_ready().into())
        .fact("ownLabelsProblem", move || own.own_labels_problem().into())
        .fact("analyzedPosition", move || position.position().0.into())
}
