//! The private servers, on loopback, in a directory that is deleted afterwards.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::Context as _;
use local_stack::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};
use tempfile::TempDir;

use crate::options::Options;

/// Durable as by default; the memory a small dedicated server would have.
const SETTINGS: [(&str, &str); 2] = [("shared_buffers", "1GB"), ("max_wal_size", "8GB")];

/// Everything the measured programs stand on.
pub struct Bed {
    /// All databases.
    pub postgres: PostgresServer,
    /// Where the hub's programs are.
    pub bin_dir: PathBuf,
    /// The master key and the logs.
    pub dir: TempDir,
}

impl Bed {
    /// Starts Postgres.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        eprintln!("starting a private Postgres");
        let parent = options.dir.clone().unwrap_or_else(std::env::temp_dir);
        // Everybody may pass through: Postgres may run as another user.
        let dir = tempfile::Builder::new()
            .prefix("hub-bench-")
            .permissions(Permissions::from_mode(0o711))
            .tempdir_in(parent)
            .context("making a directory for the servers")?;
        let mut wanted = PostgresOptions::new(dir.path().join("postgres"), dir.path().join("postgres.log"));
        wanted.throwaway = true;
        wanted.settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let postgres = PostgresServer::start(&wanted).await?;
        Ok(Self { postgres, bin_dir: options.bin_dir()?, dir })
    }

    /// A bus for one purpose.
    pub async fn nats(&self, name: &str) -> anyhow::Result<NatsServer> {
        let path = |suffix| self.dir.path().join(format!("nats-{name}{suffix}"));
        Ok(NatsServer::start(&NatsOptions::new(path(""), path(".log"))).await?)
    }

    /// Stops Postgres; the directory goes with `self`.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.postgres.stop().await?;
        drop(self.postgres);
        local_stack::postgres::remove_data(&self.dir.path().join("postgres"))?;
        Ok(())
    }
}
