//! The index over embeddings, where the server has pgvector. It is no migration: a server may get the extension later, and
//! making an index over a large read model must not hold up whoever writes it (`migrations/*_nearest_by_index.sql`).

use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::StoreError;

/// Whether similar tickets are found by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VectorIndex {
    /// It is there.
    Ready,
    /// It cannot be; says why. Tickets are compared one by one.
    Unavailable(String),
}

/// Makes the index unless it is there. Again is harmless, also after a run that was interrupted.
///
/// # Errors
/// As [`StoreError`].
pub async fn ensure(connection: &mut PgConnection) -> Result<VectorIndex, StoreError> {
    let why_not = sqlx::query_scalar!("select projector.offer_vectors()").fetch_one(&mut *connection).await?;
    if let Some(why_not) = why_not {
        return Ok(VectorIndex::Unavailable(why_not));
    }
    // An interrupted statement leaves an index behind that nobody uses and everybody keeps up to date.
    let is_broken = sqlx::query_scalar!(
        r#"select exists (select from pg_index where not indisvalid
                          and indexrelid = to_regclass('projector.embeddings_nearest')) as "is_broken!""#
    );
    if is_broken.fetch_one(&mut *connection).await? {
        sqlx::raw_sql("drop index projector.embeddings_nearest").execute(&mut *connection).await?;
    }
    // It waits for whoever writes, however long that takes.
    sqlx::raw_sql("set lock_timeout = 0").execute(&mut *connection).await?;
    let statement = sqlx::query_scalar!(r#"select projector.vector_index_statement() as "statement!""#);
    let statement = statement.fetch_one(&mut *connection).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(VectorIndex::Ready)
}
