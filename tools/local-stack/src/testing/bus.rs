//! A nats-server of its own per test.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::temp_dir::TempDir;
use crate::{
    error::{Doing as _, Result},
    nats::{NatsOptions, NatsServer},
};

/// A private bus; killed, and its store deleted, when dropped.
#[derive(Debug)]
pub struct TestNats {
    // Dropped first: the server must not write into a directory that is being deleted.
    server: NatsServer,
    _dir: TempDir,
}

impl TestNats {
    /// Starts it on free ports with an empty store.
    pub async fn start() -> Result<Self> {
        let dir = TempDir::create()?;
        let options = NatsOptions::new(dir.path().join("store"), dir.path().join("nats.log"));
        Ok(Self { server: NatsServer::start(&options).await?, _dir: dir })
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The process id of the server, another one after every restart.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The root of the monitoring pages.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        self.server.monitor_url()
    }

    /// The bus is away until [`TestNats::restart`]; clients see a closed connection.
    pub async fn kill(&self) -> Result<()> {
        self.server.kill().await
    }

    /// Stops it if it runs, and starts it again on the same port with the same store.
    pub async fn restart(&mut self) -> Result<()> {
        self.server.restart().await
    }

    /// The bus lost everything: it is killed, its streams are deleted, and it starts again on the same port.
    pub async fn wipe_store(&mut self) -> Result<()> {
        self.server.wipe_store().await
    }

    /// The directory of its streams (`$G/streams/<name>`), for damage under a running server.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.server.jetstream_dir()
    }

    /// Stops it properly, lets `change` have the directory of its streams, and starts it again on the same port: for
    /// damage that a disk or an operator does.
    pub async fn while_stopped(&mut self, change: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
        self.server.stop().await?;
        change(&self.server.jetstream_dir()).doing(|| "change the store of a test server".to_owned())?;
        self.server.restart().await
    }
}
