//! `analyzer-worker`: serves by default, trains and evaluates on request. See the library.

use std::{ffi::OsString, io::Write as _};

use analyzer_worker::{
    learning::{
        evaluate::{EvaluateSettings, evaluate},
        own::train_own,
        train::{TrainSettings, train},
    },
    measure::{MeasureSettings, measure},
    model::own,
    relearn::{
        self, Registry, RelearnSettings,
        history::history,
        rollback::{RollbackSettings, rollback},
    },
    replay::{ReplaySettings, replay},
    serve,
    settings::ServeSettings,
};
use clap::{Parser, Subcommand};
use service_host::{clock, telemetry};

/// Analyzes tickets with MiniLM on libtorch. Without a command it serves.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Analyze submitted tickets and answer `POST /analyze` (the default)
    Serve(Box<ServeSettings>),
    /// Learn the heads from labelled tickets
    Train(TrainSettings),
    /// Answer about tickets never learned from, and count
    Evaluate(EvaluateSettings),
    /// Compare recorded answers with those of another model; changes nothing
    Replay(Box<ReplaySettings>),
    /// Learn from what people corrected, and promote the model if it does better
    Relearn(Box<RelearnSettings>),
    /// Take back the last promotion that was not taken back yet, or go back to a model by name
    Rollback(Box<RollbackSettings>),
    /// List the promotions, their figures, and which model answers
    Promotions(Box<Registry>),
    /// Time what each line on standard input asks for, for benchmarks
    Measure(Box<MeasureSettings>),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse_from(with_default_command(std::env::args_os().collect()));
    let metrics = telemetry::start()?;
    match cli.command {
        Command::Serve(settings) => serve(*settings, metrics),
        Command::Train(settings) => report_training(&settings),
        Command::Evaluate(settings) => {
            print(&evaluate(&settings)?);
            Ok(())
        }
        Command::Replay(settings) => wait_and_print(replay(*settings)),
        Command::Relearn(settings) => wait_and_print(relearn::relearn(*settings)),
        Command::Rollback(settings) => wait_and_print(rollback(*settings)),
        Command::Promotions(registry) => wait_and_print(history(*registry)),
        Command::Measure(settings) => measure(&settings),
    }
}

/// Serving is meant where no command is named. clap's optional groups do not count settings from the environment, so
/// it cannot tell by itself.
fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let names_a_setting = |argument: &str| {
        argument.starts_with('-') && !matches!(argument, "-h" | "--help" | "-V" | "--version")
    };
    if first.is_none_or(names_a_setting) {
        arguments.insert(1.min(arguments.len()), "serve".into());
    }
    arguments
}

/// The default hook prints what a panic says, which may quote a ticket: where it happened is enough.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panicked");
    }));
}

#[tokio::main]
async fn serve(
    settings: ServeSettings,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
) -> anyhow::Result<()> {
    keep_panics_quiet();
    serve::run(settings, metrics).await
}

#[tokio::main]
async fn wait_and_print(work: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<()> {
    keep_panics_quiet();
    print(&work.await?);
    Ok(())
}

fn report_training(settings: &TrainSettings) -> anyhow::Result<()> {
    if !settings.labels.is_empty() {
        report_own(&train_own(settings)?);
        return Ok(());
    }
    let (figures, manifest) = train(settings, clock::now().date_naive())?;
    for (name, value) in &figures {
        print(&format!("{name:>28}: {value:.3}"));
    }
    if let Some(manifest) = manifest {
        print(&format!("revision {}, learned from {} tickets", manifest.revision, manifest.trained_on));
    }
    Ok(())
}

fn report_own(manifest: &own::Manifest) {
    for (name, question) in &manifest.questions {
        print(&format!(
            "{name}: {} labels, learned from {} texts; of {} held out {:.1} % right, macro F1 {:.2}, calibration \
             error {:.2}",
            question.labels.len(),
            question.trained_on,
            question.held_out,
            question.accuracy * 100.0,
            question.macro_f1,
            question.calibration_error
        ));
    }
}

/// The report is what these commands are for, but not the only thing they do: whoever read it may have left (`… | head`).
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn positions_of_a_replay_begin_at_one() {
        for position in ["--to=0", "--from=0", "--to=-3"] {
            let given = ["analyzer-worker", "replay", "--model", "x", "--database-url", "x"].into_iter();
            let parsed = Cli::try_parse_from(given.chain(["--master-key-file", "x"]).chain([position]));
            assert_eq!(parsed.unwrap_err().kind(), clap::error::ErrorKind::ValueValidation, "{position}");
        }
    }

    #[test]
    fn without_a_command_it_serves() {
        for (given, meant) in [
            ("analyzer-worker", "analyzer-worker serve"),
            ("analyzer-worker --threads 2", "analyzer-worker serve --threads 2"),
            ("analyzer-worker train --data x", "analyzer-worker train --data x"),
            ("analyzer-worker --help", "analyzer-worker --help"),
        ] {
            let arguments = given.split(' ').map(OsString::from).collect();
            assert_eq!(with_default_command(arguments).join(" ".as_ref()), meant);
        }
    }
}
