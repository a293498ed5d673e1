//! A fresh database per test, all on one Postgres server per test process. Its URL is the owner's, who migrates;
//! services use the other one.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use super::temp_dir::TempDir;
use crate::{
    error::Result,
    postgres::{PostgresOptions, PostgresServer},
};

/// Lives until the process ends: its directory is deleted by the next test process.
static SERVER: OnceCell<(PostgresServer, TempDir)> = OnceCell::const_new();
/// Opens a server that nobody else can reach and that lives as long as a test.
const SERVICE_PASSWORD: &str = "of-tests";
static NEXT: AtomicU32 = AtomicU32::new(1);

/// An empty database of its own.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    name: String,
    url: String,
    service_url: String,
}

impl TestDatabase {
    /// Creates it; the first call of a process also starts the server.
    pub async fn create() -> Result<Self> {
        let (server, _) = SERVER.get_or_try_init(start).await?;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await?;
        let service_url = server.service_url(&name, SERVICE_PASSWORD);
        Ok(Self { url: server.url(&name), service_url, name })
    }

    /// The connection string of whoever migrates, who may do everything.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The connection string of the services, who may do what their role may.
    #[must_use]
    pub fn service_url(&self) -> &str {
        &self.service_url
    }

    /// The same database on a hot standby of the server.
    pub async fn replica(&self) -> Result<TestReplica> {
        let (server, _) = SERVER.get_or_try_init(start).await?;
        let dir = TempDir::create()?;
        let options = options(&dir);
        server.copy_to_standby(&options).await?;
        let standby = PostgresServer::start(&options).await?;
        let (url, service_url) = (standby.url(&self.name), standby.service_url(&self.name, SERVICE_PASSWORD));
        Ok(TestReplica { url, service_url, _server: standby, _dir: dir })
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A hot standby of the test server; it and its directory are gone when dropped.
#[derive(Debug)]
pub struct TestReplica {
    url: String,
    service_url: String,
    // Dropped first: the server must not write into a directory that is being deleted.
    _server: PostgresServer,
    _dir: TempDir,
}

impl TestReplica {
    /// The connection string of the owner, who may pause it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The connection string of the services.
    #[must_use]
    pub fn service_url(&self) -> &str {
        &self.service_url
    }
}

fn options(dir: &TempDir) -> PostgresOptions {
    let data_dir = dir.path().join(super::temp_dir::POSTGRES_DIR);
    let mut options = PostgresOptions::new(data_dir, dir.path().join("postgres.log"));
    options.throwaway = true;
    options
}

async fn start() -> Result<(PostgresServer, TempDir)> {
    let dir = TempDir::create()?;
    let server = PostgresServer::start(&options(&dir)).await?;
    server.create_service_login(SERVICE_PASSWORD).await?;
    Ok((server, dir))
}
