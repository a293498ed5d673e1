//! What services sign in as: a login that belongs to the role whose rights the migrations set out
//! (`migrations/*_least_privilege.sql`).

use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::StoreError;

/// The role whose members may do what services do.
pub const ROLE: &str = "hub_services";

/// A service's statement that takes longer is ended, so that none can hold the head of the log: services ask for as much of
/// their connections (`database`), this is for whoever else signs in as one. Rebuilds ask for more.
const PATIENCE: &str = "60s";

/// Makes `login` a member of [`ROLE`] that signs in with `password`, whether it is there already or not.
///
/// # Errors
/// As [`StoreError`]; also when whoever is connected may not create roles.
pub async fn ensure(connection: &mut PgConnection, login: &str, password: &str) -> Result<(), StoreError> {
    let is_there = sqlx::query_scalar!(
        r#"select exists (select from pg_roles where rolname = $1) as "is_there!""#,
        login,
    )
    .fetch_one(&mut *connection)
    .await?;
    // Such statements take no parameters: the server quotes them first.
    let verb = if is_there { "alter" } else { "create" };
    let statements = sqlx::query!(
        r#"select format('%s role %I login password %L nosuperuser nocreatedb nocreaterole', $3::text, $1::text, $2::text)
                      as "sign_in!",
                  format('grant %I to %I', $4::text, $1::text) as "join!",
                  format('alter role %I set statement_timeout = %L', $1::text, $5::text) as "limit!""#,
        login,
        password,
        verb,
        ROLE,
        PATIENCE,
    )
    .fetch_one(&mut *connection)
    .await?;
    for statement in [statements.sign_in, statements.join, statements.limit] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}
