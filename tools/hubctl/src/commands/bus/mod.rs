//! `hubctl bus`.

mod compare;
mod rebuild;
mod verify;

use std::process::ExitCode;

use event_bus::Bus;
use event_store::EventStore;

use crate::backbone::Backbone;

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Compare the stream with the log, message by message; ends with 1 when they differ
    Verify {
        #[command(flatten)]
        backbone: Backbone,
        /// Rebuild the stream when it differs
        #[arg(long)]
        repair: bool,
    },
    /// Delete the stream, fill it again from the log, and prove it equal
    Rebuild {
        #[command(flatten)]
        backbone: Backbone,
        /// Without it nothing is done
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Verify { backbone, repair } => {
            let (store, bus) = open(&backbone).await?;
            let outcome = verify::run(&store, &bus).await?;
            if repair && outcome != ExitCode::SUCCESS {
                rebuild::run(&store, &bus, true).await
            } else {
                Ok(outcome)
            }
        }
        Args::Rebuild { backbone, yes } => {
            let (store, bus) = open(&backbone).await?;
            rebuild::run(&store, &bus, yes).await
        }
    }
}

async fn open(backbone: &Backbone) -> anyhow::Result<(EventStore, Bus)> {
    Ok((backbone.store().await?, backbone.bus().await?))
}
