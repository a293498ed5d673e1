//! The private Postgres server, as an application meets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use local_stack::{Error, PostgresOptions, PostgresServer, ports};
use sqlx::{Connection, PgConnection};
use support::{Scratch, Swallow};

fn options(scratch: &Scratch) -> PostgresOptions {
    let mut options = PostgresOptions::new(scratch.path("postgres"), scratch.path("postgres.log"));
    options.throwaway = true;
    options
}

async fn connect(server: &PostgresServer, database: &str) -> PgConnection {
    PgConnection::connect(&server.url(database)).await.unwrap()
}

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn data_and_password_survive_a_stop_a_restart_and_a_kill() {
    let scratch = Scratch::new();
    let server = PostgresServer::start(&options(&scratch)).await.unwrap();
    server.create_database("hub").await.unwrap();
    server.create_database("hub").await.unwrap();
    let mut connection = connect(&server, "hub").await;
    sqlx::query("CREATE TABLE kept AS SELECT 42 AS answer").execute(&mut connection).await.unwrap();
    server.stop().await.unwrap();
    assert!(!server.is_running());
    drop(server);

    let mut server = PostgresServer::start(&options(&scratch)).await.unwrap();
    server.restart().await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let mut connection = connect(&server, "hub").await;
    let answer: i32 = sqlx::query_scalar("SELECT answer FROM kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(answer, 42);
}

#[tokio::test]
async fn the_server_is_durable_checked_private_and_takes_further_settings() {
    let scratch = Scratch::new();
    let mut options = options(&scratch);
    options.settings.push(("max_connections".into(), "20".into()));
    let server = PostgresServer::start(&options).await.unwrap();
    let mut connection = connect(&server, "postgres").await;
    for on in ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"] {
        assert_eq!(setting(&mut connection, on).await, "on", "{on}");
    }
    assert_eq!(setting(&mut connection, "listen_addresses").await, "127.0.0.1");
    assert_eq!(setting(&mut connection, "max_connections").await, "20");
    let wrong = format!("postgres://hub:wrong@127.0.0.1:{}/postgres?sslmode=disable", server.port());
    assert!(PgConnection::connect(&wrong).await.is_err(), "a wrong password signs in");
    assert_eq!(support::mode(&scratch.path("postgres.password")), 0o600);
}

#[tokio::test]
async fn a_data_directory_serves_one_run_at_a_time() {
    let scratch = Scratch::new();
    let server = PostgresServer::start(&options(&scratch)).await.unwrap();
    let second = PostgresServer::start(&options(&scratch)).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    assert!(server.is_running());
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let scratch = Scratch::new();
    let mut options = options(&scratch);
    options.settings.push(("shared_buffers".into(), "plenty".into()));
    let error = PostgresServer::start(&options).await.swallow();
    assert!(error.contains("invalid value for parameter \"shared_buffers\""), "{error}");
}

#[tokio::test]
async fn a_directory_with_other_files_and_a_taken_port_are_left_alone() {
    let scratch = Scratch::new();
    let listener = std::net::TcpListener::bind(ports::loopback(0)).unwrap();
    let mut taken = options(&scratch);
    taken.port = Some(listener.local_addr().unwrap().port());
    assert!(matches!(PostgresServer::start(&taken).await, Err(Error::PortTaken { .. })));

    let mut foreign = options(&scratch);
    foreign.data_dir = scratch.path("thesis");
    std::fs::create_dir(&foreign.data_dir).unwrap();
    std::fs::write(foreign.data_dir.join("chapter1.txt"), "once").unwrap();
    assert!(matches!(PostgresServer::start(&foreign).await, Err(Error::Unusable { .. })));
    assert!(foreign.data_dir.join("chapter1.txt").exists());
}

#[tokio::test]
async fn data_that_the_unprivileged_user_cannot_reach_is_put_elsewhere_and_linked() {
    if !support::we_are_root() {
        return; // an ordinary user runs Postgres as itself
    }
    let scratch = Scratch::private();
    let server = PostgresServer::start(&options(&scratch)).await.unwrap();
    let elsewhere = server.relocated().unwrap().to_owned();
    assert_eq!(std::fs::read_link(scratch.path("postgres")).unwrap(), elsewhere);
    server.create_database("kept").await.unwrap();
    server.stop().await.unwrap();
    drop(server);

    let server = PostgresServer::start(&options(&scratch)).await.unwrap();
    connect(&server, "kept").await;
    server.stop().await.unwrap();
    drop(server);
    local_stack::postgres::remove_data(&scratch.path("postgres")).unwrap();
    assert!(!elsewhere.exists() && !scratch.path("postgres").exists());
}

#[tokio::test]
async fn a_link_to_another_disk_is_followed() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("disk")).unwrap();
    std::os::unix::fs::symlink(scratch.path("disk"), scratch.path("postgres")).unwrap();
    let server = PostgresServer::start(&options(&scratch)).await.unwrap();
    assert_eq!(server.relocated(), None);
    assert!(scratch.path("disk/PG_VERSION").exists());
    server.stop().await.unwrap();
    drop(server);
    local_stack::postgres::remove_data(&scratch.path("postgres")).unwrap();
    assert!(!scratch.path("disk").exists() && !scratch.path("postgres").is_symlink());
}
