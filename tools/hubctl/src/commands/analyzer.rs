//! `hubctl analyzer`: what answers, and what would answer otherwise. The work is done by the `analyzer-worker` beside this
//! program, because it alone can run a model.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use anyhow::Context as _;

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Run history through another model and report which decisions would change; with --shadow, what comes from now on.
    /// Changes nothing
    #[command(disable_help_flag = true)]
    Replay(Passed),
    /// Learn from what people corrected, compare on a frozen hold-out, and promote the model only if it does better
    #[command(disable_help_flag = true)]
    Train(Passed),
    /// Take back the last promotion that was not taken back yet
    #[command(disable_help_flag = true)]
    Rollback(Passed),
    /// List the promotions and say which model answers
    #[command(disable_help_flag = true)]
    Models(Passed),
}

/// Handed on as they are, `--help` as well: the worker knows what it takes.
#[derive(clap::Args)]
pub(crate) struct Passed {
    /// What `analyzer-worker` takes; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Becomes the worker, so that signals reach it and its end is the end of the command.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (command, passed) = match args {
        Args::Replay(passed) => ("replay", passed),
        Args::Train(passed) => ("relearn", passed),
        Args::Rollback(passed) => ("rollback", passed),
        Args::Models(passed) => ("promotions", passed),
    };
    let program = std::env::current_exe()?.with_file_name("analyzer-worker");
    let error = Command::new(&program).arg(command).args(passed.arguments).exec();
    Err(error).with_context(|| format!("starting {}: is it built?", program.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        args: Args,
    }

    #[test]
    fn the_worker_explains_what_it_takes() {
        for command in ["replay", "train", "rollback", "models"] {
            for help in ["--help", "-h"] {
                let cli = Cli::try_parse_from(["analyzer", command, help]).map_err(|error| error.to_string());
                let (Args::Replay(passed)
                | Args::Train(passed)
                | Args::Rollback(passed)
                | Args::Models(passed)) = cli.unwrap().args;
                assert_eq!(passed.arguments, [help]);
            }
        }
    }
}
