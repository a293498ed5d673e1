//! Why stages do not move, for whoever asks from outside of their processes.

use std::time::Duration;

use event_store::StoreError;
use sqlx::{PgPool, postgres::types::PgInterval};

/// Whoever is halted tries again, and says again that it is, well within this time.
const FRESH: Duration = Duration::from_mins(1);

/// A stage that halted a moment ago.
#[derive(Clone, Debug)]
pub struct Halt {
    /// Its name.
    pub stage: String,
    /// Why; fit for a public answer.
    pub reason: String,
    /// Seconds since then.
    pub ago_s: f64,
}

/// Notes that a stage halted, if the database that may be the reason can keep it.
pub async fn note(pool: &PgPool, stage: &str, reason: &str) {
    let noted = sqlx::query!(
        "insert into subscription.halts (name, reason) values ($1, $2)
         on conflict (name) do update set reason = excluded.reason, halted_at = clock_timestamp()",
        stage,
        reason,
    )
    .execute(pool)
    .await;
    if let Err(error) = noted {
        tracing::debug!(stage, %error, "cannot note why it halted");
    }
}

/// Who halted a moment ago, and has not moved since.
///
/// # Errors
/// As [`StoreError`].
pub async fn fresh(pool: &PgPool) -> Result<Vec<Halt>, StoreError> {
    let fresh = PgInterval { months: 0, days: 0, microseconds: FRESH.as_micros() as i64 };
    let halts = sqlx::query_as!(
        Halt,
        r#"select h.name as "stage!", h.reason as "reason!",
                  extract(epoch from clock_timestamp() - h.halted_at)::float8 as "ago_s!"
           from subscription.halts h left join subscription.checkpoints c on c.name = h.name
           where h.halted_at > clock_timestamp() - $1::interval and (c.updated_at is null or c.updated_at <= h.halted_at)
           order by h.name"#,
        fresh,
    )
    .fetch_all(pool)
    .await?;
    Ok(halts)
}
