//! What the role of the services may do, and that nobody can hold the log up.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use event_store::{
    Append, EventStore, Expected, NewEvent, PersonalKeys, append::append_in, cipher::SecretKey, database,
    service_login,
};
use local_stack::testing::{TestDatabase, within};
use schemas::{EventId, Position, TicketEvent, TicketId, envelope::Metadata, event::AnalysisFailed};
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

/// A migrated database, with the owner's connections and the services'.
async fn database() -> (TestDatabase, PgPool, PgPool) {
    let database = TestDatabase::create().await.unwrap();
    let owner = database::pool(database.url(), "owner", 2).unwrap();
    database::MIGRATOR.run(&owner).await.unwrap();
    let services = database::pool(database.service_url(), "service", 10).unwrap();
    (database, owner, services)
}

fn append(ticket: u128) -> Append {
    let id = EventId::new(Uuid::now_v7());
    let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: 1 });
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    Append {
        ticket: TicketId::new(ticket.into()),
        expected: Expected::Any,
        events: vec![NewEvent { id, event, metadata }],
        idempotency: None,
    }
}

/// The SQLSTATE that a statement is refused with.
async fn refusal(pool: &PgPool, sql: &'static str) -> String {
    let Err(refused) = sqlx::raw_sql(sql).execute(pool).await else { panic!("not refused: {sql}") };
    refused.as_database_error().unwrap().code().unwrap().into_owned()
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

#[tokio::test]
async fn the_services_do_their_work_with_their_own_role() {
    let (_database, _owner, services) = database().await;
    let store = EventStore::open(services.clone()).await.unwrap();
    store.append(append(1)).await.unwrap();
    assert_eq!(store.read_all(Position::START, 10).await.unwrap().len(), 1);
    let keys = PersonalKeys::open(services.clone(), SecretKey::from_bytes([9; 32])).await.unwrap();
    let requester = keys.requester_id("ada@example.com");
    keys.key_for(&requester).await.unwrap();
    sqlx::raw_sql("truncate projector.tickets").execute(&services).await.unwrap();
}

#[tokio::test]
async fn no_service_can_change_the_log_or_what_guards_it() {
    let (_database, _owner, services) = database().await;
    EventStore::open(services.clone()).await.unwrap().append(append(1)).await.unwrap();
    for sql in [
        "update log.events set data = '{}'",
        "delete from log.events",
        "truncate log.events",
        "insert into log.events select 2, stream_id, 2, gen_random_uuid(), type, data, metadata, recorded_at from log.events",
        "update log.append_lock set only_row = true",
        "select from log.append_lock for update",
        "update log.idempotency_keys set position = 1",
        "delete from log.idempotency_keys",
        "alter table log.events disable trigger events_are_append_only",
        "alter table log.events disable trigger all",
        "drop trigger events_are_append_only on log.events",
        "drop table log.events cascade",
        "create or replace function log.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
        "set session_replication_role = replica",
        "create table log.mine ()",
        "create role another",
    ] {
        assert_eq!(refusal(&services, sql).await, INSUFFICIENT_PRIVILEGE, "{sql}");
    }
}

#[tokio::test]
async fn the_owner_too_is_stopped_by_the_trigger() {
    let (_database, owner, services) = database().await;
    EventStore::open(services).await.unwrap().append(append(1)).await.unwrap();
    for sql in ["update log.events set data = '{}'", "delete from log.events", "truncate log.events"] {
        assert_eq!(refusal(&owner, sql).await, "23001", "{sql}");
    }
}

#[tokio::test]
async fn no_table_of_the_log_is_writable_for_services() {
    let (_database, owner, _services) = database().await;
    let writable: Vec<String> = sqlx::query_scalar(
        "select c.relname || ' ' || p from pg_class c, unnest(array['insert', 'update', 'delete', 'truncate']) p
         where c.relnamespace = 'log'::regnamespace and c.relkind in ('r', 'p')
           and has_table_privilege('hub_services', c.oid, p)",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert!(writable.is_empty(), "a migration must revoke {writable:?} from hub_services");
}

#[tokio::test]
async fn a_client_that_holds_the_head_and_falls_silent_is_thrown_out_and_others_go_on() {
    let (database, _owner, services) = database().await;
    let store = EventStore::open(services.clone()).await.unwrap();
    let mut holder = database::pool(database.service_url(), "holder", 1).unwrap().begin().await.unwrap();
    append_in(&mut holder, &[append(1)]).await.unwrap();
    // It appended, did not commit, and says nothing more. Whoever comes now waits for the server's patience with it.
    let behind = within("an append behind a silent client", store.append(append(2))).await.unwrap();
    assert_eq!(behind.position, Position(1), "what the silent client appended is undone");
    let late = sqlx::query("select 1").execute(&mut *holder).await.unwrap_err();
    assert!(event_store::error::is_transient(&late), "its transaction can be repeated: {late:?}");
}

#[tokio::test]
async fn whoever_forgets_a_transaction_without_our_settings_is_thrown_out_as_well() {
    let (database, _owner, _services) = database().await;
    let mut plain = PgConnection::connect(database.url()).await.unwrap();
    let patience: String =
        sqlx::query_scalar("show idle_in_transaction_session_timeout").fetch_one(&mut plain).await.unwrap();
    assert_eq!(patience, "30s");
}

#[tokio::test]
async fn a_login_of_the_services_is_made_once_and_its_password_changed() {
    let (database, owner, _services) = database().await;
    let login = format!("app \"of\" {}", database.name());
    let mut connection = owner.acquire().await.unwrap();
    for password in ["first '", "second"] {
        service_login::ensure(&mut connection, &login, password).await.unwrap();
        let options = (*owner.connect_options()).clone().username(&login).password(password);
        let mut signed_in = PgConnection::connect_with(&options).await.unwrap();
        let head: i64 =
            sqlx::query_scalar("select position from log.head").fetch_one(&mut signed_in).await.unwrap();
        assert_eq!(head, 0);
        let patience: String =
            sqlx::query_scalar("show statement_timeout").fetch_one(&mut signed_in).await.unwrap();
        assert_eq!(patience, "1min");
    }
}
