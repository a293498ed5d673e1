//! The relay between a real log and a real bus.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "the relay tests need the log, not the answers")]
mod support;

use std::time::Duration;

use command_api::relay::Relay;
use event_bus::{Bus, publish::Tail};
use local_stack::testing::TestNats;
use schemas::Position;
use subscription::Progress;
use support::{CommandSide, ticket};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// A relay running as its own "process"; dropping it is a crash.
struct Running {
    progress: Progress,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(side: &CommandSide, server: &TestNats) -> Running {
    let bus = Bus::connect_in_background(&server.url(), "relay").await.unwrap();
    let relay = Relay::new(side.store.clone(), bus);
    let progress = relay.progress();
    Running { progress, task: tokio::spawn(relay.run(CancellationToken::new())) }
}

async fn submit(side: &CommandSide, count: usize) {
    for _ in 0..count {
        assert_eq!(side.post(&[], ticket().to_string()).await.status, 201);
    }
}

/// Everything on the bus, in its order.
async fn on_the_bus(server: &TestNats, count: usize) -> Vec<i64> {
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    let mut consumer = bus.consumer("reader", Position::START).await.unwrap();
    let mut positions = vec![];
    while positions.len() < count {
        for message in consumer.pull(Duration::from_secs(10)).await.unwrap() {
            positions.push(message.ack().await.position.0);
        }
    }
    positions
}

fn up_to(last: i64) -> Vec<i64> {
    (1..=last).collect()
}

#[tokio::test]
async fn what_is_appended_is_published_in_order() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 3).await;
    let running = relay(&side, &server).await;
    running.progress.reached(Position(3)).await;
    submit(&side, 4).await;
    running.progress.reached(Position(7)).await;
    assert_eq!(on_the_bus(&server, 7).await, up_to(7));
}

#[tokio::test]
async fn a_bus_that_lost_everything_is_filled_again() {
    let (side, mut server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 5).await;
    let running = relay(&side, &server).await;
    running.progress.reached(Position(5)).await;
    server.wipe_store().await.unwrap();
    submit(&side, 1).await;
    running.progress.reached(Position(6)).await;
    assert_eq!(on_the_bus(&server, 6).await, up_to(6));
}

#[tokio::test]
async fn a_bus_that_comes_late_gets_everything() {
    let (side, mut server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    server.kill().await.unwrap();
    let running = relay(&side, &server).await;
    submit(&side, 2).await;
    server.restart().await.unwrap();
    running.progress.reached(Position(2)).await;
    assert_eq!(on_the_bus(&server, 2).await, up_to(2));
}

/// Publishes on our subjects what is not an event.
async fn babble(server: &TestNats, count: usize) {
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    for _ in 0..count {
        stranger.publish("tickets.submitted.x", "hello".into()).await.unwrap().await.unwrap();
    }
}

#[tokio::test]
async fn messages_of_others_do_not_stop_the_relay() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 2).await;
    let running = relay(&side, &server).await;
    running.progress.reached(Position(2)).await;
    babble(&server, 3).await;
    submit(&side, 2).await;
    running.progress.reached(Position(4)).await;
    assert_eq!(on_the_bus(&server, 4).await, up_to(4));
}

#[tokio::test]
async fn a_stream_buried_under_messages_of_others_is_made_anew() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 2).await;
    relay(&side, &server).await.progress.reached(Position(2)).await;
    babble(&server, 300).await;
    submit(&side, 2).await;
    relay(&side, &server).await.progress.reached(Position(4)).await;
    assert_eq!(on_the_bus(&server, 4).await, up_to(4));
}

#[tokio::test]
async fn the_stream_of_another_log_is_left_as_it_is() {
    let server = TestNats::start().await.unwrap();
    let first = CommandSide::start().await;
    submit(&first, 2).await;
    relay(&first, &server).await.progress.reached(Position(2)).await;
    let second = CommandSide::start().await;
    submit(&second, 3).await;
    let running = relay(&second, &server).await;
    while running.progress.problem().is_none() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(running.progress.problem().unwrap().contains("another log"));
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    let last = first.store.read_positions(&[Position(2)]).await.unwrap()[0].id;
    assert_eq!(bus.tail().await.unwrap(), Tail { position: Position(2), id: Some(last), sequence: 2 });
}

#[tokio::test]
async fn when_the_relay_dies_another_goes_on_without_doubles() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    let first = relay(&side, &server).await;
    submit(&side, 3).await;
    first.progress.reached(Position(3)).await;
    let second = relay(&side, &server).await;
    drop(first);
    submit(&side, 3).await;
    second.progress.reached(Position(6)).await;
    assert_eq!(on_the_bus(&server, 6).await, up_to(6));
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    let tail = bus.tail().await.unwrap();
    assert_eq!((tail.position, tail.sequence), (Position(6), 6));
}
