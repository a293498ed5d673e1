//! `hubctl keys`.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use anyhow::Context as _;
use event_store::personal_keys::{generate_master_key, master_key_from_file};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Make the master key of personal data, unless the file is there. Whoever loses it loses the data: keep a copy
    /// away from the database and its backups
    Create {
        /// Where to put it; readable by its owner only
        #[arg(env = "HUB_MASTER_KEY_FILE")]
        file: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Args::Create { file } = args;
    let shown = file.display();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut new) => {
            new.write_all(generate_master_key().as_bytes()).and_then(|()| new.sync_all())?;
            println!("made the master key {shown}");
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            master_key_from_file(file)?;
            println!("the master key {shown} is there already");
        }
        Err(error) => return Err(error).with_context(|| format!("making the master key {shown}")),
    }
    Ok(())
}
