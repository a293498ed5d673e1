//! The relay between a real log and a real bus.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "the relay tests need the log, not the answers")]
mod support;

use std::time::Duration;

use command_api::relay::Relay;
use event_bus::{Bus, BusError, publish::Tail};
use local_stack::testing::{TestNats, eventually, within};
use schemas::Position;
use subscription::Progress;
use support::{CommandSide, ticket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A relay running as its own "process"; dropping it is a crash.
struct Running {
    progress: Progress,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Waits until the bus has come so far.
    async fn reached(&self, position: i64) {
        within(format!("position {position} on the bus"), self.progress.reached(Position(position))).await;
    }
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
    let read = async {
        while positions.len() < count {
            for message in consumer.pull(Duration::from_secs(10)).await.unwrap() {
                positions.push(message.ack().await.position.0);
            }
        }
    };
    within(format!("{count} messages"), read).await;
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
    running.reached(3).await;
    submit(&side, 4).await;
    running.reached(7).await;
    assert_eq!(on_the_bus(&server, 7).await, up_to(7));
}

#[tokio::test]
async fn a_bus_that_lost_everything_is_filled_again() {
    let (side, mut server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 5).await;
    let running = relay(&side, &server).await;
    running.reached(5).await;
    server.wipe_store().await.unwrap();
    submit(&side, 1).await;
    running.reached(6).await;
    assert_eq!(on_the_bus(&server, 6).await, up_to(6));
}

#[tokio::test]
async fn a_bus_that_comes_late_gets_everything() {
    let (side, mut server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    server.kill().await.unwrap();
    let running = relay(&side, &server).await;
    submit(&side, 2).await;
    server.restart().await.unwrap();
    running.reached(2).await;
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
    running.reached(2).await;
    babble(&server, 3).await;
    submit(&side, 2).await;
    running.reached(4).await;
    assert_eq!(on_the_bus(&server, 4).await, up_to(4));
}

#[tokio::test]
async fn a_stream_buried_under_messages_of_others_is_made_anew() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 2).await;
    relay(&side, &server).await.reached(2).await;
    babble(&server, 300).await;
    submit(&side, 2).await;
    relay(&side, &server).await.reached(4).await;
    assert_eq!(on_the_bus(&server, 4).await, up_to(4));
}

#[tokio::test]
async fn the_stream_of_another_log_is_left_as_it_is() {
    let server = TestNats::start().await.unwrap();
    let first = CommandSide::start().await;
    submit(&first, 2).await;
    relay(&first, &server).await.reached(2).await;
    let second = CommandSide::start().await;
    submit(&second, 3).await;
    let running = relay(&second, &server).await;
    eventually("a complaint", async || running.progress.problem().is_some()).await;
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
    first.reached(3).await;
    let second = relay(&side, &server).await;
    drop(first);
    submit(&side, 3).await;
    second.reached(6).await;
    assert_eq!(on_the_bus(&server, 6).await, up_to(6));
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    let tail = bus.tail().await.unwrap();
    assert_eq!((tail.position, tail.sequence), (Position(6), 6));
}

async fn delete_message(server: &TestNats, sequence: u64) {
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    assert!(jetstream.get_stream("TICKETS").await.unwrap().delete_message(sequence).await.unwrap());
}

#[tokio::test]
async fn an_event_deleted_from_the_end_a_moment_ago_comes_back() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 3).await;
    relay(&side, &server).await.reached(3).await;
    // The server remembers its id, and would take it for a repetition.
    delete_message(&server, 3).await;
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    let (tail, events) = (bus.tail().await.unwrap(), side.store.read_all(Position(2), 1).await.unwrap());
    assert!(matches!(bus.publish(tail, &events).await, Err(BusError::Remembered)));
    let mut publisher = bus.publisher(tail).afresh();
    publisher.send(&events).await.unwrap();
    assert_eq!(publisher.flush().await.unwrap().position, Position(3));
    assert_eq!(bus.tail().await.unwrap().position, Position(3));
    submit(&side, 2).await;
    relay(&side, &server).await.reached(5).await;
    assert_eq!(on_the_bus(&server, 5).await, up_to(5));
}

async fn stream_of(server: &TestNats) -> async_nats::jetstream::stream::Stream {
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    jetstream.get_stream("TICKETS").await.unwrap()
}

/// Waits until the stream holds the log from its beginning to this position.
async fn is_whole(server: &TestNats, last: i64) {
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    eventually("a stream from the first event to the last", async || {
        bus.tail().await.is_ok_and(|tail| tail.position == Position(last))
            && bus.first_position().await.is_ok_and(|first| first == Some(Position(1)))
    })
    .await;
    assert_eq!(on_the_bus(server, last as usize).await, up_to(last));
}

#[tokio::test]
async fn a_stream_that_lost_its_beginning_is_made_anew() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 5).await;
    let running = relay(&side, &server).await;
    running.reached(5).await;
    stream_of(&server).await.purge().sequence(4).await.unwrap();
    submit(&side, 1).await;
    running.reached(6).await;
    is_whole(&server, 6).await;
}

#[tokio::test]
async fn a_stream_that_was_given_a_limit_loses_it_and_is_filled_again() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 5).await;
    let running = relay(&side, &server).await;
    running.reached(5).await;
    let stream = stream_of(&server).await;
    let mut config = stream.cached_info().config.clone();
    (config.max_messages, config.discard) = (2, async_nats::jetstream::stream::DiscardPolicy::Old);
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    stranger.update_stream(config).await.unwrap();
    submit(&side, 1).await;
    running.reached(6).await;
    is_whole(&server, 6).await;
    assert_eq!(stream_of(&server).await.cached_info().config.max_messages, -1);
}

#[tokio::test]
async fn a_hole_in_the_middle_of_the_stream_is_healed() {
    let (side, server) = (CommandSide::start().await, TestNats::start().await.unwrap());
    submit(&side, 5).await;
    let running = relay(&side, &server).await;
    running.reached(5).await;
    delete_message(&server, 2).await;
    let bus = Bus::connect(&server.url(), "reader").await.unwrap();
    eventually("a stream without a hole", async || {
        bus.tail().await.is_ok_and(|tail| tail.position == Position(5))
            && bus.known_holes().await.is_ok_and(|holes| holes == 0)
    })
    .await;
    assert_eq!(on_the_bus(&server, 5).await, up_to(5));
}
