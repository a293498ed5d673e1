//! Where a read model stands, and its tables there. Services may not create or move tables: functions of the database do
//! it for them (`migrations/*_rebuilds.sql`). Elsewhere in this module names of schemas and tables, which are no
//! parameters in SQL, are put into statements: all of them are constants of this program.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::projection::{contract::Contract, search};

/// The schema of the live read model.
pub const LIVE: &str = "projector";

/// A schema beside the live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What shall become the live one.
    Next,
    /// What is made to be compared and dropped.
    Shadow,
    /// What was live before of the stage of tickets, until its next exchange: what a rollback goes back to.
    Previous,
    /// The same of the stage of words.
    PreviousSearch,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Next, Self::Shadow, Self::Previous, Self::PreviousSearch];

    /// The name of its schema.
    #[must_use]
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Next => "projector_next",
            Self::Shadow => "projector_shadow",
            Self::Previous => "projector_previous",
            Self::PreviousSearch => "projector_previous_search",
        }
    }
}

/// Where the tables of a stage go that are live no more.
pub(super) fn previous_of(stage: &str) -> Place {
    if stage == search::STAGE { Place::PreviousSearch } else { Place::Previous }
}

/// Counters as each portion found them, before they are added up.
pub(super) const PARTS: &str = "_parts";

/// Runs one or several statements without parameters.
pub(super) async fn execute(connection: &mut PgConnection, statements: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.map(drop)
}

/// The tables of some projections.
pub(super) fn tables(projections: &[&'static Contract]) -> Vec<String> {
    projections.iter().map(|projection| projection.table.to_owned()).collect()
}

/// Makes the empty tables of `projections`, as the live ones but for their indexes.
pub(super) async fn create(
    connection: &mut PgConnection,
    place: Place,
    projections: &[&'static Contract],
) -> Result<(), sqlx::Error> {
    let tables = tables(projections);
    let query = sqlx::query!("select projector.create_build($1, $2)", place.schema(), &tables);
    query.execute(connection).await.map(drop)
}

/// Makes the tables of counters that are not added up yet, unless they are there.
pub(super) async fn create_parts(connection: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("select projector.create_build_parts($1)", place.schema());
    query.execute(connection).await.map(drop)
}

/// The indexes of the live tables of `projections` that those in `place` lack, the largest first.
pub(super) async fn missing_indexes(
    connection: &mut PgConnection,
    place: Place,
    projections: &[&'static Contract],
) -> Result<Vec<String>, sqlx::Error> {
    let tables = tables(projections);
    let query = sqlx::query_scalar!(
        r#"select name as "name!" from projector.missing_in_build($1, $2) name"#,
        place.schema(),
        &tables,
    );
    query.fetch_all(connection).await
}

/// Makes an index as the live one of this name. Several may be made at once.
pub(super) async fn make_index(
    connection: &mut PgConnection,
    place: Place,
    name: &str,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("select projector.make_index_of_build($1, $2)", place.schema(), name);
    query.execute(connection).await.map(drop)
}

/// Gives a table that has its indexes the keys of the live one, and looks at what it holds.
pub(super) async fn index(
    connection: &mut PgConnection,
    place: Place,
    table: &str,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("select projector.index_build($1, $2)", place.schema(), table);
    query.execute(connection).await.map(drop)
}

/// Makes the tables of `projections` the live ones, and what stands in `previous` those that were.
pub(super) async fn exchange(
    connection: &mut PgConnection,
    place: Place,
    previous: Place,
    projections: &[&'static Contract],
) -> Result<(), sqlx::Error> {
    let tables = tables(projections);
    let query = sqlx::query!(
        "select projector.exchange_build($1, $2, $3)",
        place.schema(),
        previous.schema(),
        &tables,
    );
    query.execute(connection).await.map(drop)
}

/// Drops whatever stands there.
pub(super) async fn clear(connection: &mut PgConnection, place: Place) -> Result<(), sqlx::Error> {
    let query = sqlx::query!("select projector.drop_build($1)", place.schema());
    query.execute(connection).await.map(drop)
}

/// Columns and their types, as far as they hold something of their own.
pub(super) async fn columns(
    connection: &mut PgConnection,
    schema: &str,
    table: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute
         where attrelid = to_regclass($1 || '.' || $2) and attnum > 0 and not attisdropped and attgenerated = ''
         order by attname",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
