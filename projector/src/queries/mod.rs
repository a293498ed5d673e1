//! From the read model, compile-time checked: one file per question.
//!
//! - [`counters`]: sums of kept counters, and their course over time
//! - [`log`]: where the log ends
//! - [`notices`]: what happened, for whoever listens
//! - [`page`]: one page of tickets
//! - [`ticket`]: one ticket
//! - [`similar`]: which tickets are alike
//! - [`requester`]: what else a requester handed in
//! - [`timeline`]: what happened to a ticket
//! - [`statistics`]: figures put together from counters

pub mod counters;
pub mod log;
pub mod notices;
pub mod page;
pub mod requester;
pub mod similar;
pub mod statistics;
pub mod ticket;
pub mod timeline;

use std::time::Instant;

use event_store::{StoreError, database, error::is_transient, personal_keys::KeyError};
use metrics::histogram;
use schemas::TicketId;
use sqlx::PgPool;

/// A question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The read model did not answer.
    #[error("the read model could not be asked")]
    Database(#[from] sqlx::Error),
    /// The same, of a query that others shared.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Personal data could not be opened, though its requester was not erased.
    #[error("personal data could not be opened")]
    Keys(#[from] KeyError),
    /// An event of the ticket is damaged.
    #[error("an event of {0} cannot be read")]
    Unreadable(TicketId),
}

impl QueryError {
    /// Whether asking again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => is_transient(error),
            Self::Store(error) | Self::Keys(KeyError::Store(error)) => {
                matches!(error, StoreError::Unavailable(_))
            }
            Self::Unreadable(_) | Self::Keys(_) => false,
        }
    }
}

/// A pool for the queries. Each is planned for its own parameters: a plan for any filter uses the index of none.
///
/// # Errors
/// Only when `url` is not a Postgres URL.
pub fn pool(url: &str, size: u32) -> Result<PgPool, sqlx::Error> {
    let pool = database::pool(url, "projector-queries", size)?;
    let options = pool.connect_options().as_ref().clone().options([
        ("plan_cache_mode", "force_custom_plan"),
        // Full text tells of every stop word it leaves out.
        ("client_min_messages", "warning"),
    ]);
    pool.set_connect_options(options.options(similar::INDEX_OPTIONS));
    Ok(pool)
}

/// Runs a query and records how long it took.
pub(crate) async fn timed<T>(
    operation: &'static str,
    table: &'static str,
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, QueryError> {
    let started = Instant::now();
    let answer = query.await;
    observe(operation, table, started);
    Ok(answer?)
}

/// Records how long a query took that ends now.
fn observe(operation: &'static str, table: &'static str, started: Instant) {
    histogram!("database_query_duration_seconds", "operation" => operation, "table" => table)
        .record(started.elapsed().as_secs_f64());
}
