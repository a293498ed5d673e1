//! `hubctl rewind`: a checkpoint set back, after the log was restored from a backup.

use schemas::Position;
use subscription::checkpoint;

use crate::backbone::Database;

/// The stages that keep read models begin so.
const READ_MODELS: &str = "projector";

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Database,
    /// The stage, as `hubctl why-stuck` names it
    stage: String,
    /// Where it goes on from: the last event it has rightly seen, such as the last one of the backup; 0 is the beginning.
    /// Not for the projector's stages, which go back to the end of the log
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    to: Option<i64>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { database, stage, to } = args;
    let keeps_read_models = stage.starts_with(READ_MODELS);
    anyhow::ensure!(
        !(keeps_read_models && to.is_some()),
        "a read model counts every event it is given: it goes back to the end of the log, without --to, and is then made \
         anew by `hubctl rebuild`"
    );
    anyhow::ensure!(
        keeps_read_models || to.is_some(),
        "say where {stage} goes on from: --to POSITION, the last event it has rightly seen; to see events again does no harm"
    );
    let to = Position(to.unwrap_or(i64::MAX));
    match checkpoint::rewind(&database.pool()?, &stage, to).await? {
        Some(position) => println!("{stage} goes on from position {position}"),
        None => println!("nothing done: {stage} is not beyond that"),
    }
    if keeps_read_models {
        println!("`hubctl rebuild` makes its read model anew from the log");
    }
    Ok(())
}
