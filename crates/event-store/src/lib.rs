//! The Postgres event log.
//!
//! Reading order:
//! - [`append`]: what is appended, and the answer to each command
//! - [`group_commit`]: how one process's concurrent appends share a commit
//! - [`handle`]: load, decide, append: the one way to change a ticket
//! - `earlier_answer`: what a client was answered before under an idempotency key
//! - [`read`]: one stream, or the whole log from a position
//! - [`durability`]: settings without which a promise would be a lie
//! - [`cipher`], [`personal_keys`]: sealing personal data, and the keys that open it
//! - [`attachments`]: files that came with tickets
//! - [`database`]: pools and migrations
//! - [`error`]: what can go wrong, by SQLSTATE

pub mod append;
pub mod attachments;
pub mod cipher;
pub mod database;
pub mod durability;
mod earlier_answer;
pub mod error;
pub mod group_commit;
pub mod handle;
pub mod personal_keys;
pub mod read;

use schemas::Position;
use sqlx::{ConnectOptions as _, Connection as _, PgPool};
use tokio::sync::watch;

pub use append::{Append, Appended, Expected, Idempotency, NewEvent};
pub use error::{AppendError, StoreError};
pub use handle::{HandleError, Handled, Outcome, Stamp};
pub use personal_keys::{KeyRing, PersonalKeys};

/// The log, as one process sees it. Cheap to clone; clones share the pool and the writer.
#[derive(Clone, Debug)]
pub struct EventStore {
    pool: PgPool,
    writer: group_commit::Writer,
}

impl EventStore {
    /// Opens the log behind `pool` and starts this process's writer.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`] when the server may lose what it confirms: no waiting helps. Any other error may
    /// pass, [`StoreError::NotMigrated`] as soon as `hubctl migrate` has run.
    pub async fn open(pool: PgPool) -> Result<Self, StoreError> {
        // A pool only says that it timed out; a connection says why.
        pool.connect_options().connect().await?.close().await?;
        durability::check(&pool).await?;
        if !database::is_migrated(&pool).await? {
            return Err(StoreError::NotMigrated);
        }
        let writer = group_commit::Writer::start(pool.clone());
        Ok(Self { pool, writer })
    }

    /// Appends the events of one command, all or none, sharing the commit with whoever else appends now.
    ///
    /// # Errors
    /// As [`AppendError`]; after [`AppendError::Unavailable`] the events may or may not be in the log, and the
    /// same append (same event ids) can be repeated.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.writer.append(append).await
    }

    /// The newest position this process appended; changes wake whoever publishes the log.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Position> {
        self.writer.appended()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The pool under the log, for callers that commit an effect and a checkpoint in one transaction.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }
}
