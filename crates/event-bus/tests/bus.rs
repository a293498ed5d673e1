//! The bus against a real nats-server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use event_bus::{Bus, BusError, Consumer, publish::Tail};
use futures::StreamExt as _;
use local_stack::testing::TestNats;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::{Metadata, Recorded},
    event::AnalysisFailed,
};
use tempfile::TempDir;

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
    assert_eq!(tail, Tail { position: Position(300), id: Some(event(300).id), sequence: 300 });
    assert_eq!(bus.tail().await.unwrap(), tail);
    let mut consumer = bus.consumer("stage", Position::START).await.unwrap();
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

type Alteration = fn(&mut Config);

/// What a stranger with the server's command line may do to our stream.
async fn altered(server: &TestNats, alter: Alteration) {
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let mut config = settings(server).await;
    alter(&mut config);
    stranger.update_stream(config).await.unwrap();
}

async fn settings(server: &TestNats) -> Config {
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    stranger.get_stream("TICKETS").await.unwrap().cached_info().config.clone()
}

#[tokio::test]
async fn settings_that_were_altered_are_set_back() {
    let (server, bus) = bus().await;
    let ours = settings(&server).await;
    let alterations: [Alteration; 8] = [
        |config| config.discard = DiscardPolicy::Old,
        |config| config.max_messages = 5,
        |config| config.max_messages_per_subject = 1,
        |config| config.max_bytes = 1_000_000,
        |config| config.max_age = Duration::from_hours(1),
        |config| config.max_message_size = 10,
        |config| config.duplicate_window = Duration::from_secs(1),
        |config| config.allow_direct = false,
    ];
    for (index, alter) in alterations.into_iter().enumerate() {
        altered(&server, alter).await;
        assert_ne!(settings(&server).await, ours, "alteration {index}");
        bus.ensure_stream().await.unwrap();
        assert_eq!(settings(&server).await, ours, "alteration {index}");
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_made_ours_is_refused_and_left_as_it_is() {
    let wrong: [(&str, Alteration); 4] = [
        ("retention", |config| config.retention = RetentionPolicy::WorkQueue),
        ("storage", |config| config.storage = StorageType::Memory),
        ("subjects", |config| config.subjects = vec!["tickets.submitted.>".to_owned()]),
        ("max_consumers", |config| config.max_consumers = 1),
    ];
    for (setting, change) in wrong {
        let (server, bus) = bus().await;
        let mut config = settings(&server).await;
        change(&mut config);
        let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        stranger.delete_stream("TICKETS").await.unwrap();
        let made = stranger.create_stream(config).await.unwrap().cached_info().config.clone();
        let refused = bus.ensure_stream().await;
        assert!(matches!(refused, Err(BusError::Misconfigured(found)) if found == setting), "{refused:?}");
        assert_eq!(settings(&server).await, made, "{setting}");
        bus.recreate_stream().await.unwrap();
    }
}

#[tokio::test]
async fn the_first_event_of_a_stream_is_found_behind_messages_of_others() {
    let (server, bus) = bus().await;
    assert_eq!(bus.first_position().await.unwrap(), None);
    babble(&server, 2).await;
    assert_eq!(bus.first_position().await.unwrap(), None);
    bus.publish(bus.tail().await.unwrap(), &events(1..=5)).await.unwrap();
    assert_eq!(bus.first_position().await.unwrap(), Some(Position(1)));
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    stranger.get_stream("TICKETS").await.unwrap().purge().sequence(5).await.unwrap();
    assert_eq!(bus.first_position().await.unwrap(), Some(Position(3)));
}

/// Publishes what is not an event.
async fn babble(server: &TestNats, count: usize) {
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    for _ in 0..count {
        stranger.publish("tickets.submitted.x", "hello".into()).await.unwrap().await.unwrap();
    }
}

/// The stranger takes the very place of an event whose acknowledgement nobody asks for, so that the sequence which the
/// next event expects is right again.
#[tokio::test]
async fn an_event_that_is_refused_unseen_stops_those_behind_it() {
    let (server, bus) = bus().await;
    let mut publisher = bus.publisher(Tail::default());
    publisher.send(&events(1..=2)).await.unwrap();
    publisher.flush().await.unwrap();
    babble(&server, 1).await;
    publisher.send(&events(3..=6)).await.unwrap();
    let end = publisher.flush().await;
    assert!(matches!(end, Err(BusError::Fenced { .. })), "{end:?}");
    assert_eq!(bus.tail().await.unwrap(), Tail { sequence: 3, ..publisher.acknowledged() });
}

#[tokio::test]
async fn more_events_than_may_be_under_way_arrive_in_order() {
    let (_server, bus) = bus().await;
    let end = bus.publish(Tail::default(), &events(1..=2_500)).await.unwrap();
    assert_eq!(end, bus.tail().await.unwrap());
    let mut consumer = bus.consumer("stage", Position::START).await.unwrap();
    assert_eq!(pulled(&mut consumer, 2_500).await, (1..=2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_is_not_ours_is_removed_from_the_consumer() {
    let (server, bus) = bus().await;
    babble(&server, 1).await;
    let mut consumer = bus.consumer("stage", Position::START).await.unwrap();
    assert!(consumer.pull(SOON).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_of_others_at_the_end_are_passed_over_and_published_after() {
    let (server, bus) = bus().await;
    babble(&server, 1).await;
    let tail = bus.tail().await.unwrap();
    assert_eq!(tail, Tail { sequence: 1, ..Tail::default() });
    bus.publish(tail, &events(1..=2)).await.unwrap();
    babble(&server, 3).await;
    let tail = bus.tail().await.unwrap();
    assert_eq!(tail, Tail { position: Position(2), id: Some(event(2).id), sequence: 6 });
    bus.publish(tail, &events(3..=3)).await.unwrap();
    assert_eq!(bus.tail().await.unwrap().position, Position(3));
    babble(&server, 256).await;
    assert!(matches!(bus.tail().await, Err(BusError::Foreign)), "too many to look behind them");
    bus.recreate_stream().await.unwrap();
    assert_eq!(bus.tail().await.unwrap(), Tail::default());
}

/// The positions the next messages carry.
async fn pulled(consumer: &mut Consumer, count: usize) -> Vec<i64> {
    let mut positions = vec![];
    while positions.len() < count {
        for message in consumer.pull(SOON).await.unwrap() {
            positions.push(message.ack().await.position.0);
        }
    }
    positions
}

#[tokio::test]
async fn a_new_consumer_begins_after_the_cursor_of_its_stage() {
    let (_server, bus) = bus().await;
    bus.publish(Tail::default(), &events(1..=9)).await.unwrap();
    let mut consumer = bus.consumer("stage", Position(7)).await.unwrap();
    assert_eq!(pulled(&mut consumer, 2).await, [8, 9]);
}

#[tokio::test]
async fn a_consumer_ahead_of_its_stream_is_unsound_and_made_anew() {
    let (mut server, bus) = bus().await;
    let tail = bus.publish(Tail::default(), &events(1..=10)).await.unwrap();
    let older = TempDir::new().unwrap();
    server.while_stopped(|store| copy_dir(&messages_in(store), older.path())).await.unwrap();
    until_connected(&bus).await;
    bus.publish(tail, &events(11..=20)).await.unwrap();
    let mut consumer = bus.consumer("stage", Position::START).await.unwrap();
    assert_eq!(pulled(&mut consumer, 20).await.last(), Some(&20));
    assert!(consumer.is_sound().await);
    let back = |store: &Path| {
        std::fs::remove_dir_all(messages_in(store))?;
        copy_dir(older.path(), &messages_in(store))
    };
    server.while_stopped(back).await.unwrap();
    until_connected(&bus).await;
    assert_eq!(bus.tail().await.unwrap(), tail, "the stream is as short as it was");
    assert!(!consumer.is_sound().await);
    let mut consumer = bus.consumer("stage", Position(10)).await.unwrap();
    bus.publish(tail, &events(11..=13)).await.unwrap();
    assert_eq!(pulled(&mut consumer, 3).await, [11, 12, 13]);
    assert!(consumer.is_sound().await);
}

#[tokio::test]
async fn a_hole_in_the_stream_is_shown_as_a_hole() {
    let (server, bus) = bus().await;
    bus.publish(Tail::default(), &events(1..=5)).await.unwrap();
    let other = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    other.get_stream("TICKETS").await.unwrap().delete_message(3).await.unwrap();
    let messages: Vec<_> = bus.messages(bus.extent().await.unwrap()).await.unwrap().collect().await;
    let positions: Vec<_> =
        messages.into_iter().map(|message| message.unwrap().1.and_then(|stored| stored.position)).collect();
    assert_eq!(positions, [1, 2, 0, 4, 5].map(|n| (n > 0).then_some(Position(n))));
}

fn messages_in(store: &Path) -> PathBuf {
    store.join("$G/streams/TICKETS/msgs")
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

async fn until_connected(bus: &Bus) {
    while !bus.is_connected() || bus.tail().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_hint_wakes_a_listener_and_says_how_far_the_log_has_grown() {
    let (_server, bus) = bus().await;
    let mut hints = bus.appended_hints().await.unwrap();
    bus.hint_appended(Position(7)).await;
    assert_eq!(tokio::time::timeout(SOON, hints.next()).await.unwrap(), Some(Some(Position(7))));
}
