//! Pools and migrations.

use std::time::Duration;

use sqlx::{
    Connection as _, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Every migration of the system, forward only.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// How long an idle connection is taken to be there without asking.
const TRUSTED: Duration = Duration::from_secs(1);

/// A pool of at most `size` connections to `url`, named `application` in `pg_stat_activity`. It connects lazily, so a
/// database that is still starting is met with an error per call, not a failed start.
///
/// # Errors
/// Only when `url` is not a Postgres URL.
pub fn pool(url: &str, application: &str, size: u32) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name(application).options([
        // A client that falls silent inside a transaction must not keep the log head; whoever waits for it meanwhile
        // outlasts it.
        ("idle_in_transaction_session_timeout", "5s"),
        ("lock_timeout", "10s"),
        ("statement_timeout", "60s"),
        // Our queries take milliseconds. Before a new table was looked at, Postgres thinks otherwise, and compiles for a
        // quarter of a second.
        ("jit", "off"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(5))
        // A connection that was just used is there; asking costs a round trip before every query.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED || connection.ping().await.is_ok()) })
        })
        .connect_lazy_with(options))
}

/// The version of the newest migration this build knows.
#[must_use]
pub fn newest_migration() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Whether every migration this build knows has run, so that services wait for `hubctl migrate` instead of failing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_migrated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let table: Option<bool> =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(pool).await?;
    if table != Some(true) {
        return Ok(false);
    }
    // Not checked at compile time: the table belongs to sqlx and is no migration of ours.
    let applied: Option<i64> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(pool).await?;
    Ok(applied >= Some(newest_migration()))
}
