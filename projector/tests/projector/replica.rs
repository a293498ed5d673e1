//! Queries answered by a hot standby: as if by the database, only later.

use axum::http::StatusCode;
use local_stack::testing::eventually;
use projector::reading::Replica;
use tokio_util::sync::CancellationToken;

use crate::{
    deeds::ADA,
    hub::{Hub, ticket_id},
};

#[tokio::test]
async fn a_replica_shows_what_was_written_before_or_says_that_it_is_behind() {
    let mut hub = Hub::start().await;
    let server = hub.database.replica().await.unwrap();
    let replica = Replica::open(&server.service_url().into(), 4).unwrap();
    tokio::spawn(replica.clone().follow(CancellationToken::new()));
    hub.replica = Some(replica);
    let replica = event_store::database::pool(server.url(), "test", 2).unwrap();
    let standby: bool = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(&replica).await.unwrap();
    assert!(standby);

    let first = hub.submit(1, ADA, "Network").await.position;
    let list = format!("/api/tickets?minPosition={first}");
    assert_eq!(hub.data(&list).await.as_array().unwrap().len(), 1);
    assert_eq!(hub.data("/api/tickets/stats/summary").await["total"], 1);

    sqlx::query("select pg_wal_replay_pause()").execute(&replica).await.unwrap();
    let paused = "select pg_get_wal_replay_pause_state() = 'paused'";
    eventually("the standby pauses", async || sqlx::query_scalar(paused).fetch_one(&replica).await.unwrap())
        .await;
    let second = hub.submit(2, ADA, "Cloud").await.position;
    hub.progress.reached(second).await;
    assert_eq!(hub.data("/api/tickets").await.as_array().unwrap().len(), 1, "the replica is behind");
    // The log is asked where it is written: there is such a position, and the ticket was so then.
    let id = ticket_id(2);
    let behind = hub.get(&format!("/api/tickets/{id}?minPosition={second}")).await;
    assert_eq!(behind.status, StatusCode::GATEWAY_TIMEOUT, "{}", behind.text);
    assert_eq!(behind.json()["position"], first.0);
    let then = hub.data(&format!("/api/tickets/{}?asOfPosition={second}", ticket_id(1))).await;
    assert_eq!(then["version"], 1);

    sqlx::query("select pg_wal_replay_resume()").execute(&replica).await.unwrap();
    // A new ticket is waited for.
    assert_eq!(hub.data(&format!("/api/tickets/{id}")).await["requestType"], "Cloud");
    let found = hub.data(&format!("/api/tickets?q=srv-fs01&minPosition={second}")).await;
    assert_eq!(found.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_replica_that_is_away_is_said_to_be() {
    let nobody = Replica::open(&"postgres://nobody@127.0.0.1:1/none".to_owned().into(), 1).unwrap();
    assert_eq!(nobody.problem(), None);
    let stop = CancellationToken::new();
    let following = tokio::spawn(nobody.clone().follow(stop.clone()));
    eventually("a problem", async || nobody.problem().is_some()).await;
    stop.cancel();
    following.await.unwrap().unwrap();
}
