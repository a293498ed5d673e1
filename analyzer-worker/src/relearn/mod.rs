//! `analyzer-worker relearn`: another model from what people corrected, promoted only if it does better on tickets that
//! neither it nor its predecessor has learned from.
//!
//! - here: the commands
//! - `corrected`: the log to labelled tickets
//! - `interruption`: somebody stops it
//! - [`score`]: how a model does on a hold-out
//! - `promote`: the decision into the log
//! - `line`: which promotions stand
//! - [`rollback`]: back to an earlier model
//! - [`history`]: the promotions, for people

mod corrected;
pub mod history;
mod interruption;
mod line;
mod promote;
pub mod rollback;
pub mod score;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use event_store::{EventStore, MasterKeys, PersonalKeys, database};
use schemas::{Position, analysis::ModelRef, model::Promotion};
use secrecy::ExposeSecret as _;
use service_host::settings::Backbone;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::{
    analyst::Analyst,
    learning::{dataset, split},
    models::Models,
    settings::ModelSettings,
};
use corrected::{Corrected, Placed};
use interruption::{INTERRUPTED, unless_stopped};
use score::Score;

/// What to learn from, and what to beat.
#[derive(Clone, Debug, Args)]
pub struct RelearnSettings {
    /// Learn from the log up to this position; its end by default
    #[arg(long)]
    pub until: Option<i64>,
    /// Folder of labelled tickets that are learned from as well (*.jsonl)
    #[arg(long, default_value = "analyzer-worker/training")]
    pub data: PathBuf,
    /// Folder of tickets set apart for judging (*.jsonl): tickets of the log with their texts are left out
    #[arg(long, default_value = "analyzer-worker/holdout")]
    pub set_apart: PathBuf,
    /// Compare, but promote nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where promoted models are
    #[command(flatten)]
    pub registry: Registry,
}

/// The log, the keys and the promoted models.
#[derive(Clone, Debug, Args)]
pub struct Registry {
    /// The log and the keys
    #[command(flatten)]
    pub backbone: Backbone,
    /// Folder that promoted models are unpacked to
    #[arg(long, env = "ANALYZER_PROMOTED_DIR", default_value = ".local/promoted-models")]
    pub promoted_dir: PathBuf,
    /// The encoder, and the heads that answer before the first promotion
    #[command(flatten)]
    pub model: ModelSettings,
}

/// What was opened of it.
struct Opened {
    store: EventStore,
    keys: PersonalKeys,
    models: Models,
    settings: ModelSettings,
}

impl Registry {
    async fn open(&self) -> anyhow::Result<Opened> {
        let pool = database::pool(self.backbone.database_url.expose_secret(), "analyzer-relearn", 2)?;
        let store = EventStore::open(pool.clone()).await?;
        let keys = PersonalKeys::open(pool, MasterKeys::from_file(&self.backbone.master_key_file)?).await?;
        let models = Models::new(store.clone(), self.promoted_dir.clone(), self.model.heads_dir.clone());
        Ok(Opened { store, keys, models, settings: self.model.clone() })
    }
}

impl Opened {
    /// The model that answers now, and where its files are.
    async fn serving(&self) -> anyhow::Result<(ModelRef, PathBuf)> {
        if let Some(model) = self.models.promoted().await? {
            let folder = self.models.folder(&model).await?;
            return Ok((model, folder));
        }
        let heads_dir = self.settings.heads_dir.clone();
        Ok((self.load(&heads_dir)?.heads().model(), heads_dir))
    }

    fn load(&self, heads_dir: &Path) -> anyhow::Result<Analyst> {
        Ok(Analyst::load(&self.settings.with_heads(heads_dir.to_owned()))?)
    }
}

/// Learns, compares, promotes; returns the report.
///
/// # Errors
/// When the log, a model or the training fails, or somebody stops it. Nothing is promoted then.
pub async fn relearn(settings: RelearnSettings) -> anyhow::Result<String> {
    let stop = interruption::listen()?;
    let opened = settings.registry.open().await?;
    let end = opened.store.head().await?.0;
    let until = Position(settings.until.map_or(end, |until| until.min(end)));
    let (serving, serving_dir) = opened.serving().await?;
    let labelled = dataset::load(&settings.data)?;
    let placed = Placed::new(&labelled, &dataset::load_set_apart(&settings.set_apart)?);
    let lesson = tempfile::tempdir().context("making a private folder")?;
    let reading = corrected::write(&opened.store, &opened.keys, until, &placed, lesson.path());
    let corrected = unless_stopped(&stop, reading).await?;
    ensure!(corrected.written > 0, nothing_to_learn(corrected, until));

    let (corrections, learned_dir) = (lesson.path().join(corrected::FILE), lesson.path().join("model"));
    let (to_learn, judged_by) = split::split(dataset::read(&corrections)?);
    ensure!(!to_learn.is_empty(), all_held_out(corrected, until));
    train(&settings, &corrections, &learned_dir, &stop).await?;

    let held_out = [split::split(labelled).1, judged_by].concat();
    let (learned, before, after) = {
        let (old, new) = (opened.load(&serving_dir)?, opened.load(&learned_dir)?);
        (new.heads().model(), Score::of(&old, &held_out, &stop)?, Score::of(&new, &held_out, &stop)?)
    };
    let mut report = format!(
        "learned from the log up to position {until}: {} corrected tickets{}; {} held out\n{}",
        corrected.written,
        left_out(corrected),
        held_out.len(),
        score::table(&before, &after),
    );
    if !after.is_better_than(&before) || learned == serving {
        report.push_str("\nnot better: nothing is promoted");
    } else if settings.dry_run {
        report.push_str("\nbetter; a dry run promotes nothing");
    } else {
        opened.models.keep(&serving, &serving_dir).await?;
        opened.models.keep(&learned, &learned_dir).await?;
        let position = promote::append(
            &opened.store,
            schemas::event::ModelPromoted {
                model: learned.clone(),
                previous: Some(serving),
                reason: Promotion::Better,
                trained_until: until,
                held_out: held_out.len() as u32,
                before: before.figures(),
                after: after.figures(),
            },
        )
        .await?;
        report = format!("{report}\npromoted {} at position {position}", learned.revision);
    }
    Ok(report)
}

fn nothing_to_learn(corrected: Corrected, until: Position) -> String {
    format!(
        "nobody has corrected a decision up to position {until}{}: there is nothing to learn",
        left_out(corrected)
    )
}

fn all_held_out(corrected: Corrected, until: Position) -> String {
    format!(
        "of the {} tickets corrected up to position {until}, all are held out for judging: there is nothing to learn yet",
        corrected.written
    )
}

fn left_out(corrected: Corrected) -> String {
    match corrected.set_apart {
        0 => String::new(),
        count => format!(" ({count} left out, because their texts are set apart for judging)"),
    }
}

/// In a process of its own: training needs gigabytes that libtorch does not give back. It goes on from the heads that came
/// with the program, not from those that answer: what comes of it follows from the log alone, and holds nothing of requesters
/// who were erased since.
async fn train(
    settings: &RelearnSettings,
    corrections: &Path,
    out: &Path,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    let model = &settings.registry.model;
    command.arg("train").arg("--data").arg(&settings.data).arg("--corrections").arg(corrections);
    command.arg("--set-apart").arg(&settings.set_apart).arg("--out").arg(out);
    command.arg("--model-dir").arg(&model.model_dir).arg("--heads-dir").arg(&model.heads_dir);
    command.arg("--threads").arg(model.threads.to_string());
    let mut training = command.kill_on_drop(true).spawn().context("starting the training")?;
    if let Some(ended) = stop.run_until_cancelled(training.wait()).await {
        ensure!(ended?.success(), "the training failed");
        return Ok(());
    }
    // Waited for, because what it writes must not come after the folder was removed.
    training.kill().await.context("ending the training")?;
    bail!(INTERRUPTED)
}
