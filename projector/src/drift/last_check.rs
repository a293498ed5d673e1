//! The last finished check, kept in the database: it outlives the process, and holds for every projector on it.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;

/// The last finished check.
pub(super) struct LastCheck {
    /// How long ago it finished, by the clock of the database.
    pub(super) age: Duration,
    /// What it found.
    pub(super) report: Value,
}

pub(super) async fn load(pool: &PgPool) -> Result<Option<LastCheck>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select extract(epoch from clock_timestamp() - finished_at)::float8 as "age!", report
           from projector.last_drift_check"#
    );
    let row = row.fetch_optional(pool).await?;
    Ok(row.map(|row| LastCheck {
        // Whose clock was put back has just checked.
        age: Duration::try_from_secs_f64(row.age).unwrap_or_default(),
        report: row.report,
    }))
}

pub(super) async fn save(pool: &PgPool, report: &Value) -> Result<(), sqlx::Error> {
    let query = sqlx::query!(
        "insert into projector.last_drift_check (report) values ($1)
         on conflict (one) do update set report = excluded.report, finished_at = clock_timestamp()",
        report,
    );
    query.execute(pool).await.map(drop)
}
