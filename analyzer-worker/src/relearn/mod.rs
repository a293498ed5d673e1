//! `analyzer-worker relearn`: another model from what people corrected, promoted only if it does better on tickets that
//! neither it nor its predecessor has learned from.
//!
//! - here: the commands
//! - `corrected`: the log to labelled tickets
//! - [`score`]: how a model does on a hold-out
//! - `promote`: the decision into the log

mod corrected;
mod promote;
pub mod score;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use event_store::{EventStore, MasterKeys, PersonalKeys, database};
use schemas::{Position, analysis::ModelRef, model::Promotion};
use secrecy::ExposeSecret as _;
use service_host::settings::Backbone;

use crate::{
    analyst::Analyst,
    learning::{dataset, split},
    models::{Models, promotions},
    settings::ModelSettings,
};
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
        let models = Models::new(store.clone(), self.promoted_dir.clone());
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
        let settings = ModelSettings { heads_dir: heads_dir.to_owned(), ..self.settings.clone() };
        Ok(Analyst::load(&settings)?)
    }
}

/// Learns, compares, promotes; returns the report.
///
/// # Errors
/// When the log, a model or the training fails. Nothing is promoted then.
pub async fn relearn(settings: RelearnSettings) -> anyhow::Result<String> {
    let opened = settings.registry.open().await?;
    let end = opened.store.head().await?.0;
    let until = Position(settings.until.map_or(end, |until| until.min(end)));
    let lesson = tempfile::tempdir().context("making a private folder")?;
    let corrected = corrected::write(&opened.store, &opened.keys, until, lesson.path()).await?;
    ensure!(
        corrected > 0,
        "nobody has corrected an answer up to position {until}: there is nothing to learn"
    );
    copy_labelled(&settings.data, lesson.path())?;

    let (serving, serving_dir) = opened.serving().await?;
    let learned_dir = lesson.path().join("model");
    train(lesson.path(), &learned_dir, &opened.settings)?;

    let (_, held_out) = split::split(dataset::load(lesson.path())?);
    let (learned, before, after) = {
        let (old, new) = (opened.load(&serving_dir)?, opened.load(&learned_dir)?);
        (new.heads().model(), Score::of(&old, &held_out)?, Score::of(&new, &held_out)?)
    };
    let mut report = format!(
        "learned from the log up to position {until}: {corrected} corrected tickets; {} held out\n{}",
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

/// Goes back to the model before the last promotion; returns what answers now.
///
/// # Errors
/// When there was no promotion, or the log fails.
pub async fn rollback(registry: Registry) -> anyhow::Result<String> {
    let opened = registry.open().await?;
    let last = promotions(&opened.store).await?.pop().context("no model was ever promoted")?;
    let previous = last.previous.context("the last promotion names no model before it")?;
    // It must be there before anybody is told to use it.
    opened.models.folder(&previous).await?;
    let position = promote::append(
        &opened.store,
        schemas::event::ModelPromoted {
            model: previous.clone(),
            previous: Some(last.model),
            reason: Promotion::Rollback,
            trained_until: Position::START,
            held_out: last.held_out,
            before: last.after,
            after: last.before,
        },
    )
    .await?;
    Ok(format!("{} answers from position {position} on", previous.revision))
}

/// Every promotion, oldest first.
///
/// # Errors
/// When the log fails.
pub async fn history(registry: Registry) -> anyhow::Result<String> {
    let opened = registry.open().await?;
    let all = promotions(&opened.store).await?;
    if all.is_empty() {
        return Ok("no model was ever promoted: the heads that came with the program answer".to_owned());
    }
    let lines = all.iter().map(|promoted| {
        let until = promoted.trained_until;
        format!("{} ({:?}, learned up to position {until})", promoted.model.revision, promoted.reason)
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// In a process of its own: training needs gigabytes that libtorch does not give back.
fn train(data: &Path, out: &Path, model: &ModelSettings) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.arg("train").arg("--data").arg(data).arg("--out").arg(out);
    command.arg("--model-dir").arg(&model.model_dir);
    let status = command.status().context("starting the training")?;
    ensure!(status.success(), "the training failed");
    Ok(())
}

fn copy_labelled(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name()
            && path.extension().is_some_and(|extension| extension == "jsonl")
        {
            fs::copy(&path, to.join(name)).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}
