//! At most one process per stage: a session-level advisory lock on a connection of its own. The holder must keep talking
//! on it: when it dies or falls silent, the server ends the session and with it the lock, and the next process leads
//! within seconds. Leadership is for progress; what keeps a sleeping ex-leader from harm is the fence of each effect
//! (checkpoint, expected sequence, unique keys).

use std::{convert::Infallible, time::Duration};

use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    checkpoint,
    failure::Failure,
    halts,
    pause::{Pauses, rest},
    stage::{Progress, Stage},
};

/// How often a standby asks.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often a standby looks how far the leader has come.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a leader says that it is there, and how long the server may take to hear it.
const TALK_EVERY: Duration = Duration::from_secs(1);
/// The server ends the session of a leader that is silent for so long.
const SILENCE: &str = "5s";

/// Held for as long as it lives and its connection does.
#[derive(Debug)]
pub struct Leadership {
    lost: CancellationToken,
    let_go: DropGuard,
    keeper: JoinHandle<()>,
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
        if !held {
            connection.close().await?;
            return Ok(None);
        }
        sqlx::query_scalar!(r#"select set_config('idle_session_timeout', $1, false) as "set!""#, SILENCE)
            .fetch_one(&mut connection)
            .await?;
        Ok(Some(Self::keep(connection)))
    }

    fn keep(connection: PgConnection) -> Self {
        let (lost, let_go) = (CancellationToken::new(), CancellationToken::new());
        let keeper = tokio::spawn(keep(connection, lost.clone(), let_go.clone()));
        Self { lost, let_go: let_go.drop_guard(), keeper }
    }

    /// Comes to an end when the lock is not ours any more.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether the lock is still ours, as far as this process knows.
    pub async fn is_held(&mut self) -> bool {
        timeout(Duration::ZERO, self.lost()).await.is_err()
    }

    /// Lets the next process lead at once.
    pub async fn release(self) {
        drop(self.let_go);
        // The keeper does not panic; if it did, the session would be gone all the same.
        let _ = self.keeper.await;
    }
}

/// Talks on the connection that holds the lock until it breaks, or until the leader lets go.
async fn keep(mut connection: PgConnection, lost: CancellationToken, let_go: CancellationToken) {
    while let_go.run_until_cancelled(tokio::time::sleep(TALK_EVERY)).await.is_some() {
        if !timeout(TALK_EVERY, connection.ping()).await.is_ok_and(|answer| answer.is_ok()) {
            return lost.cancel();
        }
    }
    // Closing the session releases the lock; the server does the same when we just vanish.
    let _ = timeout(TALK_EVERY, connection.close()).await;
}

/// Waits until this process leads `stage`; `None` when it stops first.
async fn stand_by(stage: &Stage, progress: &Progress, stop: &CancellationToken) -> Option<Leadership> {
    tokio::select! {
        leadership = Leadership::acquire(stage.store.pool(), stage.name, stop) => leadership,
        never = watch(stage, progress) => match never {},
    }
}

/// Whoever asks a standby for what the stage makes is answered by what the leader has made.
async fn watch(stage: &Stage, progress: &Progress) -> Infallible {
    loop {
        match checkpoint::position(stage.store.pool(), stage.name).await {
            // Where nobody moves it, whatever halted this process is still the news.
            Ok(Some(position)) if position != progress.position() => progress.reset(position),
            Ok(_) => {}
            Err(error) => tracing::debug!(stage = stage.name, %error, "cannot see how far the leader is"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Does `work` whenever this process leads `stage`, until it stops. Work that fails is logged, shown in `progress`, and
/// begun again from the checkpoint, perhaps by another process; then `progress` tells how far that one has come.
pub(crate) async fn lead<F>(
    stage: &Stage,
    progress: &Progress,
    stop: &CancellationToken,
    work: impl Fn() -> F,
) where
    F: Future<Output = Result<Infallible, Failure>>,
{
    let mut pauses = Pauses::default();
    while let Some(leadership) = stand_by(stage, progress, stop).await {
        let failure = tokio::select! {
            () = stop.cancelled() => return leadership.release().await,
            () = leadership.lost() => Failure::Deposed,
            Err(failure) = work() => failure,
        };
        let (pause, place) = (pauses.after(&failure), failure.place());
        let reason = failure.to_string();
        progress.halt(reason.clone());
        let needs_an_operator = failure.needs_an_operator();
        let cause = format!("{:#}", anyhow::Error::from(failure));
        if needs_an_operator {
            tracing::error!(stage = stage.name, cause, "halted; an operator is needed");
        } else {
            tracing::error!(stage = stage.name, cause, "halted; beginning again from the checkpoint");
        }
        leadership.release().await;
        stop.run_until_cancelled(halts::note(stage.store.pool(), stage.name, &reason)).await;
        stop.run_until_cancelled(rest(stage.store.pool(), stage.name, place, pause)).await;
    }
}
