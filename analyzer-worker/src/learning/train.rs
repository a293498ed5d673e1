//! `analyzer-worker train`: labelled tickets to heads and the encoder's updates.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use tch::Kind;

use super::{
    cross_validation::{FOLDS, Figures, Unseen, Verdict},
    dataset,
    evaluate::Mistake,
    kept::keep,
    lesson::{Item, prepare},
    progress::progress,
    refine::refine,
    split,
    tuning::{Plan, Tuned, tune},
};
use crate::{
    model::{ENCODER, encoder::Weights, heads::Manifest, precision::has_bf16_tiles, tokenizer::Tokenizer},
    settings::ModelSettings,
};

/// What to learn from and where to put the heads.
#[derive(Clone, Debug, Args)]
pub struct TrainSettings {
    /// Folder of the labelled tickets (*.jsonl); with --labels, a CSV file
    #[arg(long, default_value = "analyzer-worker/training")]
    pub data: PathBuf,
    /// Columns of a team's own label sets: learns one head each, beside the ones there are
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub labels: Vec<String>,
    /// With --labels, the column of the texts
    #[arg(long, default_value = "text", value_name = "COLUMN")]
    pub text: String,
    /// Corrected tickets (*.jsonl), learned into the heads of --heads-dir together with some of the labelled ones, instead of
    /// learning everything anew; stops where those of them that are set aside are answered no better
    #[arg(long, value_name = "FILE", conflicts_with_all = ["labels", "trial", "verdict"])]
    pub corrections: Option<PathBuf>,
    /// Folder of tickets set apart for judging (*.jsonl): training stops where it meets one of them
    #[arg(long, default_value = "analyzer-worker/holdout")]
    pub set_apart: PathBuf,
    /// Folder to write heads.safetensors and heads.json to
    #[arg(long, default_value = "analyzer-worker/model")]
    pub out: PathBuf,
    /// Times every ticket is seen; with --corrections, at most
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Thickness of the encoder's updates
    #[arg(long, default_value_t = 16)]
    pub rank: i64,
    /// Highest learning rate of the encoder's updates
    #[arg(long, default_value_t = 1e-3)]
    pub update_rate: f64,
    /// Highest learning rate of the heads
    #[arg(long, default_value_t = 1e-2)]
    pub layer_rate: f64,
    /// What everything random follows from
    #[arg(long, default_value_t = 1)]
    pub seed: i64,
    /// Fifths of the tickets that are left out and answered, one after the other, before everything is learned
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=FOLDS))]
    pub folds: u64,
    /// Only try: learn without the fifths and say how they are answered
    #[arg(long)]
    pub trial: bool,
    /// Where a trial puts its verdict, and where the training proper finds it instead of trying again
    #[arg(long, value_name = "FILE")]
    pub verdict: Option<PathBuf>,
    /// With --trial, where the wrong answers go, one JSON object a line
    #[arg(long, value_name = "FILE", requires = "trial")]
    pub mistakes: Option<PathBuf>,
    /// The encoder
    #[command(flatten)]
    pub model: ModelSettings,
}

impl TrainSettings {
    pub(super) fn plan(&self) -> Plan {
        Plan {
            rounds: self.rounds,
            rank: self.rank,
            update_rate: self.update_rate,
            layer_rate: self.layer_rate,
            // The weights are kept in f32 either way.
            kind: if has_bf16_tiles() { Kind::BFloat16 } else { Kind::Float },
            seed: self.seed,
        }
    }

    /// The verdict of an earlier trial, where there is one to be used.
    fn known_verdict(&self) -> anyhow::Result<Option<Verdict>> {
        let Some(path) = self.verdict.as_ref().filter(|_| !self.trial) else { return Ok(None) };
        let text = fs::read_to_string(path)
            .with_context(|| format!("reading {}, which `train --trial --verdict` writes", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no verdict", path.display()))
    }
}

/// Learns from everything that is not held out and writes the heads; `today` is part of their revision. A trial
/// writes nothing. Returns how tickets that were not learned from are answered, too.
pub fn train(
    settings: &TrainSettings,
    today: chrono::NaiveDate,
) -> anyhow::Result<(Figures, Option<Manifest>)> {
    tch::set_num_threads(i32::from(settings.model.threads));
    // What is missing shall be missed before minutes of learning.
    let known_verdict = settings.known_verdict()?;
    let (examples, held_out) = split::split(dataset::load(&settings.data)?);
    let set_apart = dataset::load_set_apart(&settings.set_apart)?;
    dataset::ensure_disjoint(&examples, &set_apart)?;
    if let Some(file) = &settings.corrections {
        let (corrected, _) = split::split(dataset::read(file)?);
        dataset::ensure_disjoint(&corrected, &set_apart)?;
        let (figures, manifest) = refine(settings, examples, corrected, today)?;
        return Ok((figures, Some(manifest)));
    }
    tracing::info!(learn_from = examples.len(), held_out = held_out.len(), "training");
    let (tokenizer, weights) =
        (Tokenizer::load(&settings.model.model_dir)?, Weights::load(&settings.model.model_dir)?);
    let items = tch::no_grad(|| prepare(&examples, &tokenizer, &weights.encoder(settings.plan().kind)))?;
    if settings.trial {
        let unseen = Unseen::new(&weights, &items, settings.plan(), settings.folds)?;
        if let Some(path) = &settings.mistakes {
            write_mistakes(path, &unseen.mistakes())?;
        }
        let verdict = unseen.verdict();
        if let Some(path) = &settings.verdict {
            let text = serde_json::to_string_pretty(&verdict)?;
            fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        return Ok((verdict.figures, None));
    }
    let tuned = learn(&weights, &items, settings.plan())?;
    let verdict = match known_verdict {
        Some(verdict) => verdict,
        None => Unseen::new(&weights, &items, settings.plan(), settings.folds)?.verdict(),
    };
    let figures = verdict.figures.clone();
    let manifest = keep(settings, tuned, &examples, manifest(examples.len(), verdict), today)?;
    Ok((figures, Some(manifest)))
}

/// Everything but what follows from weights and tickets.
fn manifest(trained_on: usize, verdict: Verdict) -> Manifest {
    Manifest {
        revision: String::new(),
        encoder: ENCODER.to_owned(),
        sha256: String::new(),
        trained_on,
        questions: verdict.questions,
        urgency_error: verdict.urgency_error,
        tags_from: verdict.tags_from,
        cross_validation: verdict.figures,
        known: BTreeMap::new(),
    }
}

fn write_mistakes(path: &Path, mistakes: &[Mistake]) -> anyhow::Result<()> {
    let lines = mistakes.iter().map(|mistake| Ok(serde_json::to_string(mistake)? + "\n"));
    let text: String = lines.collect::<anyhow::Result<_>>()?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn learn(weights: &Weights, items: &[Item<'_>], plan: Plan) -> anyhow::Result<Tuned> {
    let bar = progress("learning", plan.steps(items.len()));
    let tuned = tune(weights, &items.iter().collect::<Vec<_>>(), plan, |loss| {
        bar.set_message(format!("loss {loss:.2}"));
        bar.inc(1);
    });
    bar.finish_and_clear();
    tuned
}
