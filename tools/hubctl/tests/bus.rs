//! `hubctl bus` against a real log and a real bus.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use async_nats::jetstream;
use support::Hub;

async fn jetstream(hub: &Hub) -> jetstream::Context {
    jetstream::new(async_nats::connect(hub.server.url()).await.unwrap())
}

#[tokio::test]
async fn a_bus_equal_to_its_log_is_said_to_be() {
    let hub = Hub::start().await;
    hub.hubctl(&["bus", "verify"]).await.says("equal up to position 0");
    hub.append(0..600).await;
    hub.relay().await;
    hub.hubctl(&["bus", "verify"]).await.says("equal up to position 600");
    hub.append(0..2).await;
    hub.hubctl(&["bus", "verify"]).await.says("2 events behind the log");
}

#[tokio::test]
async fn the_first_difference_is_named_and_a_rebuild_repairs_it() {
    let hub = Hub::start().await;
    hub.append(0..20).await;
    hub.relay().await;
    let stream = jetstream(&hub).await.get_stream("TICKETS").await.unwrap();
    stream.delete_message(7).await.unwrap();
    hub.hubctl(&["bus", "verify"])
        .await
        .refuses("sequence 7 holds nothing readable where position 7 belongs");
    hub.hubctl(&["bus", "rebuild"]).await.refuses("add --yes");
    hub.hubctl(&["bus", "verify"]).await.refuses("sequence 7");
    hub.hubctl(&["bus", "rebuild", "--yes"]).await.says("up to position 20");
    hub.hubctl(&["bus", "verify"]).await.says("equal up to position 20");
}

#[tokio::test]
async fn a_message_of_somebody_else_is_a_difference() {
    let hub = Hub::start().await;
    hub.append(0..3).await;
    hub.relay().await;
    jetstream(&hub).await.publish("tickets.submitted.x", "hello".into()).await.unwrap().await.unwrap();
    hub.hubctl(&["bus", "verify"]).await.refuses("sequence 4 holds a message of somebody else");
}

#[tokio::test]
async fn the_stream_of_another_log_is_a_difference_from_its_first_event() {
    let (hub, other) = (Hub::start().await, Hub::start().await);
    hub.append(0..3).await;
    other.append(0..3).await;
    let foreign = other.store.read_all(schemas::Position::START, 3).await.unwrap();
    hub.bus.publish(hub.bus.tail().await.unwrap(), &foreign).await.unwrap();
    hub.hubctl(&["bus", "verify"]).await.refuses("another event than the log at position 1");
    hub.hubctl(&["bus", "rebuild", "--yes"]).await.says("up to position 3");
}

#[tokio::test]
async fn a_stream_that_is_gone_is_rebuilt() {
    let mut hub = Hub::start().await;
    hub.append(0..5).await;
    hub.server.wipe_store().await.unwrap();
    hub.hubctl(&["bus", "verify"]).await.refuses("no stream to compare");
    hub.hubctl(&["bus", "rebuild", "--yes"]).await.says("up to position 5");
}

#[tokio::test]
async fn a_rebuild_beside_a_relay_is_proven_all_the_same() {
    let hub = Hub::start().await;
    hub.append_many(0, 5000).await;
    let relay = async {
        loop {
            hub.append([1]).await;
            // The stream may be on its way out, and either of the two may be faster.
            if let Ok(tail) = hub.bus.tail().await {
                let events = hub.store.read_all(tail.position, 300).await.unwrap();
                let _ = hub.bus.publish(tail, &events).await;
            }
        }
    };
    let rebuilt = tokio::select! {
        rebuilt = hub.hubctl(&["bus", "rebuild", "--yes"]) => rebuilt,
        () = relay => unreachable!(),
    };
    rebuilt.says("the bus holds the log up to position");
    hub.hubctl(&["bus", "verify"]).await.says("equal up to position");
}

#[tokio::test]
async fn a_rebuilt_stream_that_somebody_else_fills_too_is_not_called_equal() {
    let hub = Hub::start().await;
    hub.append_many(0, 5000).await;
    let intruder = async {
        while !hub.bus.extent().await.is_ok_and(|extent| extent.last > 0) {}
        let context = jetstream(&hub).await;
        context.publish("tickets.submitted.x", "hello".into()).await.unwrap().await.unwrap();
    };
    let (rebuilt, ()) = tokio::join!(hub.hubctl(&["bus", "rebuild", "--yes"]), intruder);
    rebuilt.refuses("a message of somebody else");
}

#[tokio::test]
async fn a_repairing_verification_mends_what_it_finds_and_nothing_else() {
    let hub = Hub::start().await;
    hub.append(0..5).await;
    hub.relay().await;
    let equal = hub.hubctl(&["bus", "verify", "--repair"]).await;
    equal.says("equal up to position 5");
    assert!(!equal.out.contains("the bus holds"), "nothing to rebuild: {equal:?}");
    let stream = jetstream(&hub).await.get_stream("TICKETS").await.unwrap();
    stream.delete_message(2).await.unwrap();
    let mended = hub.hubctl(&["bus", "verify", "--repair"]).await;
    mended.says("sequence 2 holds nothing readable");
    mended.says("the bus holds the log up to position 5");
    hub.hubctl(&["bus", "verify"]).await.says("equal up to position 5");
}
