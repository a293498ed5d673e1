//! Where queries are answered from: the database itself, or a hot standby of it, so that dashboards take no processor time
//! from whoever writes. A replica is a little behind. What a client wrote is waited for on the replica as on the database
//! (`minPosition`), and what only the log's present end can tell (is there such a position, such a ticket?) is asked where
//! the log is written.

use std::time::Duration;

use event_store::StoreError;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;
use subscription::{Progress, checkpoint};
use tokio_util::sync::CancellationToken;

use crate::{projection, queries};

/// How often a replica is asked how far it has come: so much longer at most a client waits for its own write.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two questions while the replica does not answer.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What queries are answered from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The read model.
    pub model: PgPool,
    /// The log, where it is written.
    pub log: PgPool,
    /// How far the tickets of `model` have come.
    pub progress: Progress,
    /// How far their words have come.
    pub search: Progress,
}

/// A hot standby that queries are answered from.
#[derive(Clone, Debug)]
pub struct Replica {
    pool: PgPool,
    progress: Progress,
    search: Progress,
}

impl Replica {
    /// The server behind `url`, asked over at most `size` connections. It is connected to when it is asked.
    ///
    /// # Errors
    /// Only when `url` is not a Postgres URL.
    pub fn open(url: &SecretString, size: u32) -> Result<Self, sqlx::Error> {
        Ok(Self {
            pool: queries::pool(url.expose_secret(), size)?,
            progress: Progress::new("replica-tickets"),
            search: Progress::new("replica-search"),
        })
    }

    /// Read from here, with `log` to ask the log itself.
    #[must_use]
    pub fn reading(&self, log: PgPool) -> Reading {
        let Self { pool, progress, search } = self.clone();
        Reading { model: pool, log, progress, search }
    }

    /// Why it answers no queries, if it does not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.progress.problem()
    }

    /// Keeps in mind how far the replica has come, until told to `stop`.
    ///
    /// # Errors
    /// Never: a replica that does not answer is asked again.
    pub async fn follow(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut pause = Duration::ZERO;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = match self.look().await {
                Ok(()) => {
                    if self.problem().is_some() {
                        tracing::info!("the replica answers again");
                        self.progress.reset(self.progress.position());
                    }
                    LOOK_EVERY
                }
                Err(error) => {
                    if self.problem().is_none() {
                        let cause = format!("{:#}", anyhow::Error::from(error));
                        tracing::warn!(cause, "the replica does not answer");
                    }
                    self.progress.halt("the replica does not answer".to_owned());
                    TRY_AGAIN
                }
            };
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), StoreError> {
        for (name, stage) in [(projection::STAGE, &self.progress), (projection::search::STAGE, &self.search)]
        {
            // Only news wakes those who wait.
            if let Some(position) = checkpoint::position(&self.pool, name).await?
                && position != stage.position()
            {
                stage.reset(position);
            }
        }
        Ok(())
    }
}
