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

use metrics::histogram;

/// The read model could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the read model could not be asked")]
pub struct QueryError(#[from] pub sqlx::Error);

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
