//! The bus against a real nats-server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use event_bus::{Bus, BusError, publish::Tail};
use futures::StreamExt as _;
use local_stack::testing::TestNats;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::{Metadata, Recorded},
    event::AnalysisFailed,
};

const SOON: Duration = Duration::from_secs(10);

fn event(position: i64) -> Envelope {
    let id = EventId::new(uuid(position));
    let place = Recorded {
        id,
        ticket: TicketId::new(7u128.into()),
        position: Position(position),
        version: Version(position as i32),
        time: "2026-11-21T09:00:00Z".parse().unwrap(),
    };
    let metadata = Metadata {
        correlationid: id,
        causationid: None,
        traceparent: Some("00-1-2-01".into()),
        actor: "test".into(),
    };
    let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: 1 });
    Envelope::new(place, event.type_name().to_owned(), metadata, event.to_data().unwrap())
}

fn uuid(n: i64) -> uuid::Uuid {
    uuid::Uuid::from_u128(n as u128)
}

fn events(positions: std::ops::RangeInclusive<i64>) -> Vec<Envelope> {
    positions.map(event).collect()
}

async fn bus() -> (TestNats, Bus) {
    let server = TestNats::start().await.unwrap();
    let bus = Bus::connect(&server.url(), "test").await.unwrap();
    bus.ensure_stream().await.unwrap();
    (server, bus)
}

#[tokio::test]
async fn an_empty_stream_stands_at_the_start() {
    let (_server, bus) = bus().await;
    bus.ensure_stream().await.unwrap();
    assert_eq!(bus.tail().await.unwrap(), Tail::default());
}

#[tokio::test]
async fn what_is_published_arrives_in_order_and_moves_the_tail() {
    let (_server, bus) = bus().await;
    let tail = bus.publish(Tail::default(), &events(1..=300)).await.unwrap();
    assert_eq!(tail, Tail { position: Position(300), sequence: 300 });
    assert_eq!(bus.tail().await.unwrap(), tail);
    let mut consumer = bus.consumer("stage").await.unwrap();
    let mut seen = vec![];
    while seen.len() < 300 {
        for message in consumer.pull(SOON).await.unwrap() {
            seen.push(message.ack().await.position.0);
        }
    }
    assert_eq!(seen, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_two_relays_one_is_fenced() {
    let (_server, bus) = bus().await;
    bus.publish(Tail::default(), &events(1..=2)).await.unwrap();
    let late = bus.publish(Tail::default(), &events(3..=4)).await;
    assert!(matches!(late, Err(BusError::Fenced { expected: 0 | 1 })), "{late:?}");
    assert_eq!(bus.tail().await.unwrap().position, Position(2));
}

#[tokio::test]
async fn a_lost_stream_is_an_error_until_it_is_made_again() {
    let (mut server, bus) = bus().await;
    bus.publish(Tail::default(), &events(1..=2)).await.unwrap();
    server.wipe_store().await.unwrap();
    assert!(bus.tail().await.is_err());
    bus.ensure_stream().await.unwrap();
    assert_eq!(bus.tail().await.unwrap(), Tail::default());
}

#[tokio::test]
async fn a_message_that_is_not_ours_is_removed_from_the_consumer_and_named_at_the_tail() {
    let (server, bus) = bus().await;
    let stranger = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(stranger);
    context.publish("tickets.submitted.x", "hello".into()).await.unwrap().await.unwrap();
    assert!(matches!(bus.tail().await, Err(BusError::Foreign(_))));
    let mut consumer = bus.consumer("stage").await.unwrap();
    assert!(consumer.pull(SOON).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_hint_wakes_a_listener() {
    let (_server, bus) = bus().await;
    let mut hints = bus.appended_hints().await.unwrap();
    bus.hint_appended().await;
    assert_eq!(tokio::time::timeout(SOON, hints.next()).await.unwrap(), Some(()));
}
