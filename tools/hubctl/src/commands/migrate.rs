//! `hubctl migrate`.

use std::time::Duration;

use anyhow::Context as _;
use event_store::{database, error::is_transient};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{ConnectOptions as _, PgConnection, PgPool};

/// Before asking a database again that is not there yet.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database of the log and the read models
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: SecretString,
    /// Seconds to wait for a database that is not there yet
    #[arg(long, default_value_t = 60)]
    wait: u16,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let pool = database::pool(args.database_url.expose_secret(), "hubctl", 1)?;
    let mut connection = connect(&pool, args.wait).await?;
    // Building an index over a long log takes as long as it takes.
    sqlx::query("set statement_timeout = 0").execute(&mut connection).await?;
    database::MIGRATOR.run(&mut connection).await.context("migrating the database")?;
    println!("the database is at schema {}", database::newest_migration());
    Ok(())
}

async fn connect(pool: &PgPool, mut patience: u16) -> anyhow::Result<PgConnection> {
    loop {
        match pool.connect_options().connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) if patience > 0 && is_transient(&error) => {
                println!("waiting for the database ({patience} s left): {error}");
                tokio::time::sleep(PAUSE).await;
                patience -= 1;
            }
            Err(error) => return Err(error).context("cannot reach the database"),
        }
    }
}
