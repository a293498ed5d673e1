//! One rebuild at a time on a database. A drift check takes its time, and so gives way: whoever cannot wait for it holds a
//! second lock while waiting, and the check looks for that one.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::Rebuild;

/// What is locked by whoever has the turn, and by whoever waits for it.
const TURN: &str = "hub-rebuild";
const WANTED: &str = "hub-rebuild-wanted";
/// Of whoever died at it a moment ago the database may not know yet.
const MOMENT: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(100);
/// How often to look whether the turn is wanted.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Somebody else is at it.
#[derive(Debug, thiserror::Error)]
#[error("another rebuild is running on this database: {who}; try again when it is done, or stop it")]
pub struct Busy {
    /// Name and session of whoever has the turn.
    pub who: String,
}

/// Held while a rebuild runs; the database lets go of it when the connection ends, however it ends.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "its connection holds the lock")] PgConnection);

impl Rebuild {
    /// Takes the one turn there is on this database.
    ///
    /// # Errors
    /// [`Busy`] inside while another process has it.
    pub async fn turn(&self) -> anyhow::Result<Turn> {
        let mut connection = self.connection_for_the_turn().await?;
        if self.is_mine_within(&mut connection, MOMENT).await? {
            return Ok(Turn(connection));
        }
        Err(busy(&mut connection).await?.into())
    }

    /// The same, but waits for it as long as `patience` lasts, and drift checks give way. Whoever has it is told to
    /// `waiting` first.
    ///
    /// # Errors
    /// [`Busy`] inside when another process has it still, or when told to stop.
    pub async fn turn_within(
        &self,
        patience: Duration,
        waiting: &(dyn Fn(&Busy) + Sync),
    ) -> anyhow::Result<Turn> {
        let mut connection = self.connection_for_the_turn().await?;
        if self.is_mine_within(&mut connection, MOMENT).await? {
            return Ok(Turn(connection));
        }
        waiting(&busy(&mut connection).await?);
        want(&mut connection).await?;
        if self.is_mine_within(&mut connection, patience).await? {
            want_no_more(&mut connection).await?;
            return Ok(Turn(connection));
        }
        Err(busy(&mut connection).await?.into())
    }

    /// Returns once somebody waits for the turn.
    pub async fn turn_is_wanted(&self) {
        // Where the database does not answer, the work itself will fail.
        while !matches!(self.nobody_waits().await, Ok(false)) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The lock is let go of with the statement.
    async fn nobody_waits(&self) -> Result<bool, sqlx::Error> {
        let query = sqlx::query_scalar!(
            r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "nobody!""#,
            WANTED,
        );
        query.fetch_one(&self.pool).await
    }

    /// Goes by the name of the process: others are told who has the turn.
    async fn connection_for_the_turn(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.pool.connect_options()).await
    }

    async fn is_mine_within(
        &self,
        connection: &mut PgConnection,
        patience: Duration,
    ) -> Result<bool, sqlx::Error> {
        let asked_at = Instant::now();
        loop {
            if is_mine(connection).await? {
                return Ok(true);
            }
            if self.stop.is_cancelled() || asked_at.elapsed() >= patience {
                return Ok(false);
            }
            self.stop.run_until_cancelled(tokio::time::sleep(BETWEEN)).await;
        }
    }
}

async fn is_mine(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let query =
        sqlx::query_scalar!(r#"select pg_try_advisory_lock(hashtextextended($1, 0)) as "mine!""#, TURN);
    query.fetch_one(connection).await
}

/// Several may wait.
async fn want(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("select pg_advisory_lock_shared(hashtextextended($1, 0))", WANTED);
    query.execute(connection).await.map(drop)
}

async fn want_no_more(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let query = sqlx::query_scalar!("select pg_advisory_unlock_shared(hashtextextended($1, 0))", WANTED);
    query.fetch_one(connection).await.map(drop)
}

async fn busy(connection: &mut PgConnection) -> Result<Busy, sqlx::Error> {
    // A lock on a bigint shows as its two halves.
    let holder = sqlx::query!(
        r#"select l.pid as "pid!", coalesce(nullif(a.application_name, ''), 'unnamed') as "name!"
           from pg_locks l left join pg_stat_activity a on a.pid = l.pid
           where l.locktype = 'advisory' and l.granted and l.objsubid = 1
             and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)
             and l.database = (select oid from pg_database where datname = current_database())"#,
        TURN,
    );
    let holder = holder.fetch_optional(connection).await?;
    let gone = || "one that has just ended".to_owned();
    Ok(Busy { who: holder.map_or_else(gone, |holder| format!("{}, session {}", holder.name, holder.pid)) })
}
