//! What can go wrong with the log, told apart by SQLSTATE wherever it surfaces (statement or commit).

use std::sync::Arc;

use schemas::{Position, Version};

/// An operation on the log failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server runs with a setting under which a confirmed append can be lost.
    #[error("refusing to run: the server has {setting} = {value}, so a confirmed event could be lost")]
    NotDurable {
        /// The Postgres setting.
        setting: String,
        /// What it is.
        value: String,
    },
    /// The tables are not there yet, or are older than this build.
    #[error("the database is not migrated: run hubctl migrate")]
    NotMigrated,
    /// The database cannot be reached or cannot serve now; the same call may work later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The database refused.
    #[error("the database refused")]
    Database(#[source] Arc<sqlx::Error>),
    /// A row of the log does not hold what every row must.
    #[error("the log is damaged at position {position}: {what}")]
    Damaged {
        /// Where.
        position: Position,
        /// Which column, never its value.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether trying again later can help.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::NotDurable { .. })
    }

    /// One database error reaches everybody who shared the query.
    pub(crate) fn from_shared(error: &Arc<sqlx::Error>) -> Self {
        if is_transient(error) { Self::Unavailable(error.clone()) } else { Self::Database(error.clone()) }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from_shared(&Arc::new(error))
    }
}

/// Why a command's events were not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else was faster: load, decide and append again.
    #[error("the stream is at version {actual}, not at {expected}")]
    Conflict {
        /// What the caller had seen.
        expected: Version,
        /// What is there.
        actual: Version,
    },
    /// An event of this id is in the log already: the work was done before.
    #[error("already appended at position {position}")]
    Duplicate {
        /// Where the first of the events stands.
        position: Position,
    },
    /// The idempotency key was used for another body.
    #[error("the idempotency key was used for a different request")]
    KeyReused,
    /// Somebody else made the requester's key first: what is appended must be sealed under theirs.
    #[error("the requester has another key than the append was sealed under")]
    OtherKey {
        /// Theirs, wrapped.
        wrapped: Vec<u8>,
    },
    /// The master key was replaced since this process looked: see [`crate::PersonalKeys::look_again`], and draft anew.
    #[error("the requester's new key was wrapped by a master key that is not in use any more")]
    OtherMasterKey,
    /// The outcome is unknown or nothing was tried; repeating the same append is safe.
    #[error("the log is unavailable")]
    Unavailable(#[source] Option<Arc<sqlx::Error>>),
    /// The database refused the whole batch.
    #[error("the log refused")]
    Refused(#[source] Arc<sqlx::Error>),
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        Self::from_shared(&Arc::new(error))
    }
}

impl AppendError {
    /// One database error reaches every command of its batch.
    pub(crate) fn from_shared(error: &Arc<sqlx::Error>) -> Self {
        if is_transient(error) {
            Self::Unavailable(Some(error.clone()))
        } else {
            Self::Refused(error.clone())
        }
    }
}

/// Single SQLSTATEs that pass, beside whole classes: `lock_not_available` (our `lock_timeout`), and a transaction that
/// the server ended because its client was silent for too long.
const PASSING: [&str; 3] = ["55P03", "25P03", "25P04"];

/// Whether the same statement may work later: no connection, or one of the SQLSTATE classes for a server that is
/// overloaded, restarting or resolving a lock (Postgres manual, appendix A).
#[must_use]
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58")) || PASSING.contains(&&*code)
        }),
        _ => false,
    }
}
