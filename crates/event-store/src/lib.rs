//! The Postgres event log.
//!
//! Reading order:
//! - [`append`]: what is appended, and the answer to each command
//! - [`group_commit`]: how one process's concurrent appends share a commit
//! - [`committed`]: what was committed a moment ago, for whoever publishes it
//! - `group_load`: how its concurrent loads share a query; `kept_connection`: what both tasks read and write through
//! - [`handle`]: load, decide, append: the one way to change a ticket
//! - `states`: tickets as they were when they were last loaded
//! - `turns`: commands on one ticket, one after the other
//! - `earlier_answer`: what a client was answered before under an idempotency key
//! - [`read`]: one stream, or the whole log from a position
//! - [`durability`]: settings without which a promise would be a lie
//! - [`cipher`], [`personal_keys`]: sealing personal data, and the keys that open it
//! - [`key_draft`]: a key that is made together with the append
//! - [`master_keys`], [`key_rotation`]: what wraps those keys, and replacing it
//! - [`attachments`]: files that came with tickets
//! - [`kept_models`]: models that were promoted
//! - [`database`]: pools and migrations
//! - [`service_login`]: what services sign in as
//! - [`vector_index`]: similar tickets by pgvector, where the server has it
//! - [`error`]: what can go wrong, by SQLSTATE

pub mod append;
pub mod attachments;
pub mod cipher;
pub mod committed;
pub mod database;
pub mod durability;
mod earlier_answer;
pub mod error;
pub mod group_commit;
pub mod group_load;
pub mod handle;
mod kept_connection;
pub mod kept_models;
pub mod key_draft;
pub mod key_rotation;
pub mod master_keys;
pub mod personal_keys;
pub mod read;
pub mod service_login;
mod states;
mod turns;
pub mod vector_index;

use std::{sync::Arc, time::Duration};

use schemas::Position;
use sqlx::PgPool;
use tokio::sync::{broadcast, watch};

pub use append::{Append, Appended, Expected, Idempotency, NewEvent, NewKey};
pub use committed::Committed;
pub use error::{AppendError, StoreError};
pub use handle::{HandleError, Handled, Outcome, Stamp, State};
pub use key_draft::KeyDraft;
pub use master_keys::MasterKeys;
pub use personal_keys::{KeyRing, PersonalKeys};

/// The log, as one process sees it. Cheap to clone; clones share the pool, the writer and the reader.
#[derive(Clone, Debug)]
pub struct EventStore {
    pool: PgPool,
    writer: group_commit::Writer,
    reader: group_load::Reader<read::Streams>,
    turns: turns::Turns,
    states: states::States,
}

impl EventStore {
    /// Opens the log behind `pool` and starts this process's writer and its reader.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`] when the server may lose what it confirms: no waiting helps. Any other error may
    /// pass, [`StoreError::NotMigrated`] as soon as `hubctl migrate` has run.
    pub async fn open(pool: PgPool) -> Result<Self, StoreError> {
        durability::check(&pool).await?;
        if !database::is_migrated(&pool).await? {
            return Err(StoreError::NotMigrated);
        }
        let writer = group_commit::Writer::start(pool.clone());
        let reader = group_load::Reader::start(pool.clone());
        Ok(Self { pool, writer, reader, turns: turns::Turns::default(), states: states::States::default() })
    }

    /// Appends the events of one command, all or none, sharing the commit with whoever else appends now.
    ///
    /// # Errors
    /// As [`AppendError`]; after [`AppendError::Unavailable`] the events may or may not be in the log, and the
    /// same append (same event ids) can be repeated.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.append_with(append, None).await
    }

    /// The same for what is sealed under a key that the requester may not have yet: it is made together with the
    /// append.
    ///
    /// # Errors
    /// As [`Self::append`]; [`AppendError::OtherKey`] when the requester has another key: seal again under that one.
    pub async fn append_sealed(&self, append: Append, draft: &KeyDraft) -> Result<Appended, AppendError> {
        self.append_with(append, draft.new_key().cloned()).await
    }

    /// Encodes here, on the caller's task, and not in the one writer that everybody waits for.
    async fn append_with(&self, append: Append, key: Option<NewKey>) -> Result<Appended, AppendError> {
        let encoded = append::Encoded::new(append, key);
        self.writer.append(encoded.map_err(|error| sqlx::Error::Encode(error.into()))?).await
    }

    /// The newest position this process appended; changes wake whoever publishes the log.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Position> {
        self.writer.appended()
    }

    /// What this process commits from now on, batch by batch, as long as the receiver keeps up; everything else is to be read.
    #[must_use]
    pub fn committed(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.writer.committed()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits until the server may lose what it confirms from now on, asking it again after `every`, and says why.
    pub async fn not_durable(&self, every: Duration) -> StoreError {
        durability::lost(&self.pool, every).await
    }

    /// The pool under the log, for callers that commit an effect and a checkpoint in one transaction.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }
}
