//! What an erased requester leaves behind in the read model: tickets without the person. Destroying the key is what
//! erases; this takes away what was opened with it before, in the live tables and wherever else a read model stands.

use schemas::RequesterId;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fold::Folded;
use crate::{
    queries::timed,
    read_model::select_tickets,
    rebuild::place::{LIVE, Place},
    statistics::Changes,
};

/// Clears everything personal of the requester's tickets, and what the counters learned from it. Again is harmless.
///
/// # Errors
/// When the database fails.
pub async fn erase(connection: &mut PgConnection, requester: &RequesterId) -> anyhow::Result<()> {
    let query = select_tickets!("where requester_id = $1 for update", requester.as_str());
    let mut changes = Changes::default();
    for ticket in timed("select", "tickets", query.fetch_all(&mut *connection)).await? {
        let mut folded = Folded::known(ticket);
        folded.forget_the_person();
        folded.count(&mut changes);
    }
    for schema in [LIVE].into_iter().chain(Place::ALL.map(Place::schema)) {
        clear(connection, schema, requester).await?;
    }
    changes.save(connection).await
}

async fn clear(
    connection: &mut PgConnection,
    schema: &str,
    requester: &RequesterId,
) -> Result<(), sqlx::Error> {
    let exists = async |connection: &mut PgConnection, table: &str| -> Result<bool, sqlx::Error> {
        let query = sqlx::query_scalar("select to_regclass($1) is not null");
        query.bind(format!("{schema}.{table}")).fetch_one(connection).await
    };
    // The live tickets know the requester's, wherever the embeddings stand without tickets.
    if exists(connection, "embeddings").await? {
        let statement = format!(
            "delete from {schema}.embeddings
             where ticket_id in (select id from {LIVE}.tickets where requester_id = $1)"
        );
        sqlx::query(AssertSqlSafe(statement)).bind(requester.as_str()).execute(&mut *connection).await?;
    }
    if exists(connection, "search").await? {
        let statement = format!(
            "delete from {schema}.search
             where ticket_id in (select id from {LIVE}.tickets where requester_id = $1)"
        );
        sqlx::query(AssertSqlSafe(statement)).bind(requester.as_str()).execute(&mut *connection).await?;
    }
    if exists(connection, "tickets").await? {
        let statement = format!(
            "update {schema}.tickets set name = null, email = null, description = null, summary = null, entities = null
             where requester_id = $1"
        );
        sqlx::query(AssertSqlSafe(statement)).bind(requester.as_str()).execute(connection).await?;
    }
    Ok(())
}
