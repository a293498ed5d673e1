//! What services sign in as: a login that belongs to the role whose rights the migrations set out
//! (`migrations/*_least_privilege.sql`).

use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::StoreError;

/// The role whose members may do what services do.
pub const ROLE: &str = "hub_services";

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
                  format('grant %I to %I', $4::text, $1::text) as "join!""#,
        login,
        password,
        verb,
        ROLE,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::raw_sql(AssertSqlSafe(statements.sign_in)).execute(&mut *connection).await?;
    sqlx::raw_sql(AssertSqlSafe(statements.join)).execute(&mut *connection).await?;
    Ok(())
}
