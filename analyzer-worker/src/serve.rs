//! `analyzer-worker serve`: the stage on the log and the HTTP listener, on one model.

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, MasterKeys, PersonalKeys, StoreError, database};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use service_host::{Health, Shutdown, cors::Cors, wait::until_ready};
use subscription::{Progress, Stage, reaction};
use tokio::net::TcpListener;

use crate::{
    engine::Engine,
    http,
    models::Models,
    settings::ServeSettings,
    transcription::{self, Transcriber, TranscriptionStage},
    worker::{STAGE, Worker},
};

/// Name in logs, in the database's session list and on the bus.
pub const SERVICE: &str = "analyzer-worker";
/// Connections: reading, keys and appends of the tickets in flight, and the checkpoint.
const POOL: u32 = 8;

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
    let models = Models::new(store.clone(), settings.promoted_dir);
    use_promoted(&models, &engine).await?;
    let bus = Bus::connect_in_background(&settings.backbone.nats_url, SERVICE).await?;
    let listener = TcpListener::bind(settings.listen.address())
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;

    let progress = Progress::new(STAGE);
    let health = health(metrics, &store, &engine, &progress);
    let router = http::router(engine.clone(), health);
    let stage = Stage { name: STAGE, store: store.clone(), nats_url: settings.backbone.nats_url };
    let appended = store.appended();
    if let Some(transcriber) = Transcriber::new(&settings.transcription)? {
        let stage = Stage { name: transcription::STAGE, ..stage.clone() };
        let recordings = TranscriptionStage::new(store.clone(), keys.clone(), transcriber);
        let progress = Progress::new(transcription::STAGE);
        shutdown.spawn("transcriber", reaction::run(stage, recordings, progress, stop.clone()));
    }
    let worker = Worker::new(store, keys, engine, models);
    shutdown.spawn("http", service_host::http::serve(listener, router, Cors::none(), stop.clone()));
    shutdown.spawn("worker", reaction::run(stage, worker, progress, stop.clone()));
    shutdown.spawn("hints", async move {
        stop.run_until_cancelled(bus.forward_hints(appended)).await;
        Ok(())
    });
    shutdown.run().await
}

/// The heads that came with the program answer until the first promotion.
async fn use_promoted(models: &Models, engine: &Engine) -> anyhow::Result<()> {
    if let Some(model) = models.promoted().await? {
        engine.switch_to(models.folder(&model).await?);
    }
    Ok(())
}

fn health(metrics: PrometheusHandle, store: &EventStore, engine: &Engine, progress: &Progress) -> Health {
    let (store, model, fact) = (store.clone(), engine.clone(), engine.clone());
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
        .fact("analyzedPosition", move || position.position().0.into())
}
