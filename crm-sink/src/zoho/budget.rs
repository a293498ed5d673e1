//! Calls per minute and per day, counted in the database: Zoho tells nobody what is left, and neither a restart nor a
//! second process may begin anew. A day is one of the account's, in its time zone.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::{SYSTEM, rate::Bucket};
use crate::destination::{Forecast, NoPermit, Purpose};

/// After Zoho said that the day's calls are used up, one call finds out whether that still holds.
const PROBE: TimeDelta = TimeDelta::minutes(30);
/// No call, but counted like one: urgent tickets that left without waiting.
const EARLY: &str = "early-flush";

/// The account's calls.
#[derive(Clone, Debug)]
pub struct Budget {
    pool: PgPool,
    daily: i64,
    early: i64,
    zone: String,
}

/// What is known of the day that is on.
struct Today {
    date: NaiveDate,
    reset_at: DateTime<Utc>,
    used: i64,
    early: i64,
}

/// The lane's row, locked.
struct Held {
    bucket: Bucket,
    exhausted_at: Option<DateTime<Utc>>,
}

impl Budget {
    /// A budget of `daily` calls a day in a time zone that Postgres knows, `early` of which urgent tickets may buy.
    #[must_use]
    pub const fn new(pool: PgPool, daily: i64, early: i64, zone: String) -> Self {
        Self { pool, daily, early, zone }
    }

    /// The account's time zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Whether Postgres knows the time zone.
    ///
    /// # Errors
    /// When it does not, or the database fails.
    pub async fn check_zone(&self) -> sqlx::Result<()> {
        sqlx::query_scalar!("select clock_timestamp() at time zone $1", self.zone)
            .fetch_one(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes one call for `purpose`.
    ///
    /// # Errors
    /// [`NoPermit::NotBefore`] when there is none now.
    pub async fn take(&self, purpose: Purpose, now: DateTime<Utc>) -> Result<(), NoPermit> {
        let mut transaction = self.pool.begin().await?;
        let Held { mut bucket, exhausted_at } = self.hold(&mut transaction).await?;
        let day = self.day(&mut transaction, now).await?;
        if let Some(until) = exhausted_until(exhausted_at, &day, now) {
            return Err(NoPermit::NotBefore(until));
        }
        if day.used >= self.daily * purpose.line() / 100 {
            return Err(NoPermit::NotBefore(day.reset_at));
        }
        bucket.take(now).map_err(NoPermit::NotBefore)?;
        self.count(&mut transaction, day.date, purpose.name()).await?;
        let (calls, at) = bucket.kept();
        sqlx::query!(
            "update crm.lane set bucket_calls = $2, bucket_at = $3 where sink = $1",
            SYSTEM,
            calls,
            at,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Takes one of the day's early flushes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_early_flush(&self, now: DateTime<Utc>) -> Result<bool, NoPermit> {
        let mut transaction = self.pool.begin().await?;
        self.hold(&mut transaction).await?;
        let day = self.day(&mut transaction, now).await?;
        if day.early >= self.early {
            return Ok(false);
        }
        self.count(&mut transaction, day.date, EARLY).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Zoho says that the day's calls are used up: whatever we counted, they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exhaust(&self, now: DateTime<Utc>) -> sqlx::Result<()> {
        sqlx::query!("update crm.lane set exhausted_at = $2 where sink = $1", SYSTEM, now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What is left of the day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forecast(&self, now: DateTime<Utc>) -> sqlx::Result<Forecast> {
        let mut connection = self.pool.acquire().await?;
        let day = self.day(&mut connection, now).await?;
        let exhausted = sqlx::query_scalar!("select exhausted_at from crm.lane where sink = $1", SYSTEM)
            .fetch_optional(&mut *connection)
            .await?
            .flatten();
        let none = exhausted_until(exhausted, &day, now).is_some();
        let left = if none { 0 } else { (self.daily - day.used).max(0) };
        let reset_in = (day.reset_at - now).to_std().unwrap_or(Duration::ZERO);
        Ok(Forecast { limit: self.daily, left, reset_in })
    }

    /// A moment's day in the account's time zone, in the words of Creator's default: `21-Nov-2026`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn day_of(&self, moment: DateTime<Utc>) -> sqlx::Result<String> {
        sqlx::query_scalar!(
            r#"select to_char($1::timestamptz at time zone $2, 'DD-Mon-YYYY') as "day!""#,
            moment,
            self.zone,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Everybody who takes a call passes here, one after the other.
    async fn hold(&self, connection: &mut PgConnection) -> sqlx::Result<Held> {
        let row = sqlx::query!(
            "select bucket_calls, bucket_at, exhausted_at from crm.lane where sink = $1 for update",
            SYSTEM,
        )
        .fetch_one(connection)
        .await?;
        Ok(Held { bucket: Bucket::resumed(row.bucket_calls, row.bucket_at), exhausted_at: row.exhausted_at })
    }

    async fn day(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Today> {
        sqlx::query_as!(
            Today,
            r#"select d.day as "date!", (d.day + 1)::timestamp at time zone $3 as "reset_at!",
                      coalesce(sum(c.calls) filter (where c.purpose <> 'early-flush'), 0) as "used!",
                      coalesce(sum(c.calls) filter (where c.purpose = 'early-flush'), 0) as "early!"
               from (select ($2::timestamptz at time zone $3)::date as day) d
               left join crm.calls c on c.sink = $1 and c.day = d.day
               group by d.day"#,
            SYSTEM,
            now,
            self.zone,
        )
        .fetch_one(connection)
        .await
    }

    async fn count(&self, connection: &mut PgConnection, day: NaiveDate, purpose: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "insert into crm.calls (sink, day, purpose, calls) values ($1, $2, $3, 1)
             on conflict (sink, day, purpose) do update set calls = crm.calls.calls + 1",
            SYSTEM,
            day,
            purpose,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Until when the day is over, because Zoho said so.
fn exhausted_until(
    exhausted_at: Option<DateTime<Utc>>,
    day: &Today,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let probe_at = exhausted_at? + PROBE;
    let today = probe_at - PROBE > day.reset_at - TimeDelta::days(1);
    (today && now < probe_at).then(|| probe_at.min(day.reset_at))
}
