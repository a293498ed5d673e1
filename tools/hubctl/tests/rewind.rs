//! `hubctl rewind`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use schemas::Position;
use subscription::{checkpoint, exceptions, parked};
use support::Hub;

/// Five events, and a stage that has come to position 9 and parked 2 and 4.
async fn beyond_the_log(stage: &str) -> Hub {
    let hub = Hub::start().await;
    hub.append(1..=5).await;
    let pool = hub.store.pool();
    checkpoint::load(pool, stage).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for event in hub.store.read_positions(&[Position(2), Position(4)]).await.unwrap() {
        exceptions::note(&mut connection, stage, &event, 3, None, "poison").await.unwrap();
    }
    checkpoint::advance(&mut connection, stage, Position(0), Position(9)).await.unwrap().unwrap();
    hub
}

async fn position(hub: &Hub, stage: &str) -> i64 {
    checkpoint::position(hub.store.pool(), stage).await.unwrap().unwrap().0
}

#[tokio::test]
async fn a_stage_goes_back_to_where_it_is_told_and_never_forward() {
    let hub = beyond_the_log("analyzer").await;
    hub.hubctl(&["rewind", "analyzer"]).await.refuses("--to POSITION");
    assert_eq!(position(&hub, "analyzer").await, 9);
    hub.hubctl(&["rewind", "analyzer", "--to", "3"]).await.says("analyzer goes on from position 3");
    let left = parked::list(hub.store.pool(), &parked::Filter::default()).await.unwrap();
    assert_eq!(left.iter().map(|parked| parked.position).collect::<Vec<_>>(), [2], "4 is seen again");
    hub.hubctl(&["rewind", "analyzer", "--to", "4"]).await.says("nothing done");
    hub.hubctl(&["rewind", "nobody", "--to", "0"]).await.says("nothing done");
    assert_eq!(position(&hub, "analyzer").await, 3);
}

#[tokio::test]
async fn a_read_model_goes_back_to_the_end_of_the_log_only() {
    let hub = beyond_the_log("projector-tickets").await;
    hub.hubctl(&["rewind", "projector-tickets", "--to", "0"]).await.refuses("counts every event");
    let answer = hub.hubctl(&["rewind", "projector-tickets"]).await;
    answer.says("projector-tickets goes on from position 5");
    answer.says("`hubctl rebuild`");
}
