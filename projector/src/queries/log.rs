//! Where the log ends.

use schemas::Position;
use sqlx::PgPool;

use super::{QueryError, timed};

/// The position of the newest event.
///
/// # Errors
/// As [`QueryError`].
pub async fn head(pool: &PgPool) -> Result<Position, QueryError> {
    let query = sqlx::query_scalar!("select position from log.head");
    timed("select", "head", query.fetch_one(pool)).await.map(Position)
}
