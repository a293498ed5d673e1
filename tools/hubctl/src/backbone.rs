//! Where the log and the bus are, for commands that work on them directly.

use anyhow::Context as _;
use event_bus::Bus;
use event_store::{EventStore, database};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;

/// Name in the database's session list and on the bus.
const NAME: &str = "hubctl";
const POOL: u32 = 4;

/// The database of a hub.
#[derive(clap::Args)]
pub(crate) struct Database {
    /// The database of the log and the read models
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: SecretString,
}

/// The database and the bus of a hub.
#[derive(clap::Args)]
pub(crate) struct Backbone {
    #[command(flatten)]
    pub(crate) database: Database,
    /// The NATS server with the bus
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub(crate) nats_url: String,
}

impl Database {
    /// Connections to it, made when they are needed.
    pub(crate) fn pool(&self) -> anyhow::Result<PgPool> {
        Ok(database::pool(self.database_url.expose_secret(), NAME, POOL)?)
    }

    /// The log.
    pub(crate) async fn store(&self) -> anyhow::Result<EventStore> {
        EventStore::open(self.pool()?).await.context("opening the log")
    }
}

impl Backbone {
    /// The log.
    pub(crate) async fn store(&self) -> anyhow::Result<EventStore> {
        self.database.store().await
    }

    /// The bus.
    pub(crate) async fn bus(&self) -> anyhow::Result<Bus> {
        Bus::connect(&self.nats_url, NAME).await.with_context(|| format!("no bus at {}", self.nats_url))
    }
}
