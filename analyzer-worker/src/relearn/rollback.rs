//! `analyzer-worker rollback`: an earlier model answers again.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use clap::Args;
use schemas::{Position, analysis::ModelRef, event::ModelPromoted, model::Promotion};

use super::{Opened, Registry, line::Line, promote};
use crate::{
    model::Heads,
    models::{Promoted, promotions},
};

/// Names the heads that came with the program.
const SHIPPED: &str = "shipped";

/// Which model to go back to.
#[derive(Clone, Debug, Args)]
pub struct RollbackSettings {
    /// `shipped` for the heads that came with the program, or the revision of a model that `hubctl analyzer models` lists;
    /// by default the last promotion that stands is taken back
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Where promoted models are
    #[command(flatten)]
    pub registry: Registry,
}

/// Takes the last promotion back that still stands, or goes to the model that is named; returns what answers now.
///
/// # Errors
/// When there is nothing to go back to, or the log fails.
pub async fn rollback(settings: RollbackSettings) -> anyhow::Result<String> {
    let opened = settings.registry.open().await?;
    let all = promotions(&opened.store).await?;
    let (line, answering) = (Line::of(&all), all.last().map(|promoted| &promoted.fact.model));
    let target = match settings.to.as_deref() {
        None => before_last(&line, answering)?,
        Some(SHIPPED) => opened.keep_shipped().await?,
        Some(revision) => named(&all, revision)?,
    };
    ensure!(answering != Some(&target), "{} answers already", target.revision);
    // It must be there before anybody is told to use it.
    opened.models.folder(&target).await?;
    let revision = target.revision.clone();
    let position = promote::append(&opened.store, going_back(&all, &line, target)).await?;
    Ok(format!("{revision} answers from position {position} on"))
}

fn before_last(line: &Line<'_>, answering: Option<&ModelRef>) -> anyhow::Result<ModelRef> {
    let answering = answering.context("no model was ever promoted: there is nothing to take back")?;
    line.last().with_context(|| {
        format!(
            "every promotion is taken back: {} answers, the first of all; --to names another",
            answering.revision
        )
    })?;
    let before =
        line.before_last().context("nothing is known of the model before: name one, as in --to shipped")?;
    Ok(before.clone())
}

fn named(all: &[Promoted], revision: &str) -> anyhow::Result<ModelRef> {
    let mut models = all
        .iter()
        .rev()
        .flat_map(|promoted| std::iter::once(&promoted.fact.model).chain(promoted.fact.previous.as_ref()));
    let model = models.find(|model| model.revision == revision);
    model.cloned().with_context(|| format!("the log names no model {revision}"))
}

/// The event, with the figures of the comparison that it takes back; other models were never compared.
fn going_back(all: &[Promoted], line: &Line<'_>, target: ModelRef) -> ModelPromoted {
    let undone = line.last().filter(|_| line.before_last() == Some(&target));
    let (held_out, before, after) = undone.map_or_else(
        || (0, BTreeMap::new(), BTreeMap::new()),
        |undone| (undone.fact.held_out, undone.fact.after.clone(), undone.fact.before.clone()),
    );
    let learned = all.iter().rfind(|promoted| promoted.fact.model == target);
    ModelPromoted {
        trained_until: learned.map_or(Position::START, |promoted| promoted.fact.trained_until),
        model: target,
        previous: all.last().map(|promoted| promoted.fact.model.clone()),
        reason: Promotion::Rollback,
        held_out,
        before,
        after,
    }
}

impl Opened {
    /// Keeps the heads that came with the program, where every analyzer finds them.
    async fn keep_shipped(&self) -> anyhow::Result<ModelRef> {
        let model = Heads::load(&self.settings.heads_dir)?.model();
        self.models.keep(&model, &self.settings.heads_dir).await?;
        Ok(model)
    }
}
