//! `hubctl migrate`.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use event_store::{
    database,
    error::is_transient,
    service_login,
    vector_index::{self, VectorIndex},
};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{ConnectOptions as _, PgConnection, PgPool};

/// Before asking a database again that is not there yet.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database of the log and the read models, as its owner
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: SecretString,
    /// What the services sign in as
    #[arg(long, env = "HUB_SERVICE_LOGIN", default_value = "hub_app")]
    service_login: String,
    /// Their password; with one, the login is made or its password changed
    #[arg(long, env = "HUB_SERVICE_PASSWORD", hide_env_values = true)]
    service_password: Option<SecretString>,
    /// The same, in a file
    #[arg(long, env = "HUB_SERVICE_PASSWORD_FILE", conflicts_with = "service_password")]
    service_password_file: Option<PathBuf>,
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
    match vector_index::ensure(&mut connection).await.context("making the index over embeddings")? {
        VectorIndex::Ready => println!("similar tickets are found by an index of pgvector"),
        VectorIndex::Unavailable(why) => println!("similar tickets are compared one by one: {why}"),
    }
    if let Some(password) = service_password(&args)? {
        service_login::ensure(&mut connection, &args.service_login, password.expose_secret()).await?;
        println!("services sign in as {}, a member of {}", args.service_login, service_login::ROLE);
    }
    Ok(())
}

fn service_password(args: &Args) -> anyhow::Result<Option<SecretString>> {
    let Some(file) = &args.service_password_file else { return Ok(args.service_password.clone()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Some(text.trim().into()))
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
