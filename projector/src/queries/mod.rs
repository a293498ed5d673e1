//! From the read model, compile-time checked: one file per question.
//!
//! - [`page`]: one page of tickets
//! - [`ticket`]: one ticket
//! - [`timeline`]: what happened to a ticket
//! - [`statistics`]: counts and waiting times over all tickets

pub mod page;
pub mod statistics;
pub mod ticket;
pub mod timeline;

use std::time::Instant;

use event_store::{StoreError, error::is_transient, personal_keys::KeyError};
use metrics::histogram;

/// A question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The read model did not answer.
    #[error("the read model could not be asked")]
    Database(#[from] sqlx::Error),
    /// Personal data could not be opened, though its requester was not erased.
    #[error("personal data could not be opened")]
    Keys(#[from] KeyError),
}

impl QueryError {
    /// Whether asking again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => is_transient(error),
            Self::Keys(error) => matches!(error, KeyError::Store(StoreError::Unavailable(_))),
        }
    }
}

/// Runs a query and records how long it took.
pub(crate) async fn timed<T>(
    operation: &'static str,
    table: &'static str,
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, QueryError> {
    let started = Instant::now();
    let answer = query.await;
    histogram!("database_query_duration_seconds", "operation" => operation, "table" => table)
        .record(started.elapsed().as_secs_f64());
    Ok(answer?)
}
