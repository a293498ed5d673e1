//! `hubctl analyzer`: what answers, and what would answer otherwise. The work is done by the `analyzer-worker` beside this
//! program, because it alone can run a model.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context as _;

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Run history through another model and report which decisions would change; with --shadow, what comes from now on.
    /// Changes nothing
    Replay(Passed),
    /// Learn from what people corrected, compare on a frozen hold-out, and promote the model only if it does better
    Train(Passed),
    /// Let the model before the last promotion answer again
    Rollback(Passed),
    /// List the promotions
    Models(Passed),
}

/// Handed on as they are; `hubctl analyzer <command> -- --help` explains them.
#[derive(clap::Args)]
pub(crate) struct Passed {
    /// What `analyzer-worker` takes: --model, --from, --to, --until, --dry-run …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (command, passed) = match args {
        Args::Replay(passed) => ("replay", passed),
        Args::Train(passed) => ("relearn", passed),
        Args::Rollback(passed) => ("rollback", passed),
        Args::Models(passed) => ("promotions", passed),
    };
    let program = std::env::current_exe()?.with_file_name("analyzer-worker");
    let mut worker = tokio::process::Command::new(&program);
    worker.arg(command).args(passed.arguments).kill_on_drop(true);
    let status = worker.status().await;
    let status = status.with_context(|| format!("starting {}: is it built?", program.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
