//! At most one process per stage: a session-level advisory lock on a connection of its own. When the holder dies, the
//! server lets go of the lock and the next process has it within a second. Leadership is for progress; what keeps a
//! sleeping ex-leader from harm is the fence of each effect (checkpoint, expected sequence, unique keys).

use std::{convert::Infallible, time::Duration};

use sqlx::{Connection as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::Failure,
    stage::{POLL, Progress, Stage},
};

/// How often a standby asks.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Held for as long as it lives and its connection does.
#[derive(Debug)]
pub struct Leadership {
    connection: PgConnection,
}

impl Leadership {
    /// Waits until this process leads `stage`; `None` when it stops first.
    pub async fn acquire(pool: &PgPool, stage: &str, stop: &CancellationToken) -> Option<Self> {
        let mut waited = false;
        while !stop.is_cancelled() {
            match Self::try_acquire(pool, stage).await {
                Ok(Some(leadership)) => {
                    tracing::info!(stage, "leading");
                    return Some(leadership);
                }
                Ok(None) if !waited => tracing::info!(stage, "another process leads; standing by"),
                Ok(None) => {}
                Err(error) => tracing::warn!(stage, %error, "cannot ask for leadership"),
            }
            waited = true;
            stop.run_until_cancelled(tokio::time::sleep(ASK_EVERY)).await;
        }
        None
    }

    async fn try_acquire(pool: &PgPool, stage: &str) -> Result<Option<Self>, sqlx::Error> {
        let mut connection = pool.acquire().await?.detach();
        let held = sqlx::query_scalar!(
            r#"select pg_try_advisory_lock(hashtextextended('hub-stage:' || $1, 0)) as "held!""#,
            stage,
        )
        .fetch_one(&mut connection)
        .await?;
        if held {
            return Ok(Some(Self { connection }));
        }
        connection.close().await?;
        Ok(None)
    }

    /// Whether the lock is still ours: asked on its own connection, which holds it.
    pub async fn is_held(&mut self) -> bool {
        tokio::time::timeout(ASK_EVERY, self.connection.ping()).await.is_ok_and(|answer| answer.is_ok())
    }

    /// Lets the next process lead at once.
    pub async fn release(self) {
        // Closing the session releases the lock; the server does the same when we just vanish.
        let _ = self.connection.close().await;
    }
}

/// Does `work` whenever this process leads `stage`, until it stops. Work that fails is logged, shown in `progress`, and
/// begun again from the checkpoint, perhaps by another process.
pub(crate) async fn lead<F>(
    stage: &Stage,
    progress: &Progress,
    stop: &CancellationToken,
    work: impl Fn() -> F,
) where
    F: Future<Output = Result<Infallible, Failure>>,
{
    while let Some(leadership) = Leadership::acquire(stage.store.pool(), stage.name, stop).await {
        let failure = tokio::select! {
            () = stop.cancelled() => return leadership.release().await,
            Err(failure) = work() => failure,
        };
        progress.halt(failure.to_string());
        let cause = format!("{:#}", anyhow::Error::from(failure));
        tracing::error!(stage = stage.name, cause, "halted; beginning again from the checkpoint");
        leadership.release().await;
        tokio::time::sleep(POLL).await;
    }
}
