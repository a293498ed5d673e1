//! `hubctl`: the operator's command line.
//!
//! - [`commands::up`]: the whole system on this machine, with the sample tickets travelling through it
//! - [`commands::migrate`]: brings the database to this build's schema
//! - [`commands::keys`]: the master key of personal data
//! - [`commands::journey`]: one ticket's way, hop by hop
//! - [`commands::bus`]: whether the bus equals the log, and making it so
//! - [`commands::replay`]: events of the log, to a file or to NATS
//! - [`commands::rebuild`]: read models made anew from the log
//! - [`commands::rewind`]: a checkpoint set back, after the log was restored
//! - [`commands::parked`]: events that a stage has passed without finishing them
//! - [`commands::crm`]: the CRM sink, operated like a queue
//! - [`commands::why_stuck`]: what holds whom
//! - [`commands::analyzer`]: what answers, and what would answer otherwise
//! - [`commands::clean_data`]: deletes what `up` kept
//! - [`output`]: standard output, whose reader may leave
//! - [`backbone`]: where the log and the bus are
//! - [`diagnosis`]: asks the database who holds whom
//! - [`leads`]: who leads a stage, or why nobody does
//! - [`hub_client`]: asks the hub over HTTP
//! - [`view`]: what things look like on a terminal

// First: the others write through its macro.
#[macro_use]
mod output;

mod backbone;
mod commands;
mod diagnosis;
mod hub_client;
mod leads;
mod view;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A rebuild takes events apart into many small things, and makes rows of them, on several threads: a sixth faster than with
/// the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs and operates a Smart Service Hub.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole system on this machine and send the sample tickets through it; Ctrl-C stops it
    Up(commands::up::Args),
    /// Bring the database to this build's schema; safe to repeat
    Migrate(commands::migrate::Args),
    /// The master key of personal data
    #[command(subcommand)]
    Keys(commands::keys::Args),
    /// Show a ticket's way from submission to its CRM record, every hop timed
    Journey(commands::journey::Args),
    /// The bus, a cache of the log
    #[command(subcommand)]
    Bus(commands::bus::Args),
    /// Send events of the log once more, to a file, a NATS subject or another stream; the hub's own stages see nothing
    /// of it
    Replay(commands::replay::Args),
    /// Make read models anew from the log, beside the live ones, compare both, and exchange them; reads go on, and
    /// Ctrl-C stops it without harm
    Rebuild(commands::rebuild::Args),
    /// Set a stage's checkpoint back, after the log was restored from a backup: it sees again what comes after
    Rewind(commands::rewind::Args),
    /// Events that a stage has passed without finishing them
    #[command(subcommand)]
    Parked(commands::parked::Args),
    /// The CRM sink: status, backlog, parked tickets, pause, comparison with the CRM, setup
    #[command(subcommand)]
    Crm(commands::crm::Args),
    /// Show what holds whom: stages, their leaders, locks, the bus, the CRM; and what holds one ticket
    WhyStuck(commands::why_stuck::Args),
    /// The model that answers: compare, train, promote, roll back
    #[command(subcommand)]
    Analyzer(commands::analyzer::Args),
    /// Delete everything `hubctl up` kept: log, read models, bus, keys, CRM records, logs
    CleanData(commands::clean_data::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    let Cli { command } = Cli::parse();
    output::while_read(|| run(command))
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => commands::up::run(args).await?,
        Command::Migrate(args) => commands::migrate::run(args).await?,
        Command::Keys(args) => commands::keys::run(args).await?,
        Command::Journey(args) => commands::journey::run(args).await?,
        Command::Bus(args) => return commands::bus::run(args).await,
        Command::Replay(args) => commands::replay::run(args).await?,
        Command::Rebuild(args) => return commands::rebuild::run(args).await,
        Command::Rewind(args) => commands::rewind::run(args).await?,
        Command::Parked(args) => commands::parked::run(args).await?,
        Command::Crm(args) => return commands::crm::run(args).await,
        Command::WhyStuck(args) => commands::why_stuck::run(args).await?,
        Command::Analyzer(args) => return commands::analyzer::run(args),
        Command::CleanData(args) => commands::clean_data::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
