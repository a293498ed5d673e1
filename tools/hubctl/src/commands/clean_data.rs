//! `hubctl clean-data`.

use std::path::PathBuf;

use anyhow::Context as _;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder `hubctl up` kept its data in
    #[arg(long, default_value = ".local")]
    data_dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    local_stack::stack::remove_data(&args.data_dir)
        .with_context(|| format!("deleting the data in {}", args.data_dir.display()))?;
    println!("deleted the data in {}", args.data_dir.display());
    Ok(())
}
