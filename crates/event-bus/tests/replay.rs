//! The stream as the `nats` CLI uses it. These are the requests that the commands of the README make: the CLI is a client
//! of the same JetStream API.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use async_nats::jetstream::{
    self,
    consumer::{self, AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy},
    stream::Stream,
};
use event_bus::{Bus, publish::Tail};
use futures::{StreamExt as _, TryStreamExt as _};
use local_stack::testing::{TestNats, within};
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::{Metadata, Recorded},
    event::{AnalysisFailed, TicketClosed},
};

/// Events 1 to 6: tickets 1 and 2 in turn; the last two events close them.
const EVENTS: i64 = 6;

fn event(position: i64) -> Envelope {
    let id = EventId::new(uuid::Uuid::from_u128(position as u128));
    let place = Recorded {
        id,
        ticket: ticket(position),
        position: Position(position),
        version: Version((position as i32 + 1) / 2),
        time: "2026-11-21T09:00:00Z".parse().unwrap(),
    };
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    let event = if position > EVENTS - 2 {
        TicketEvent::Closed(TicketClosed {})
    } else {
        TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: 1 })
    };
    Envelope::new(place, event.type_name().to_owned(), metadata, event.to_data().unwrap())
}

fn ticket(position: i64) -> TicketId {
    TicketId::new((position as u128 % 2).into())
}

/// A bus with the six events, and the client that a CLI is; `pause` lies between the first three and the rest.
async fn stream(pause: Duration) -> (TestNats, Stream) {
    let server = TestNats::start().await.unwrap();
    let bus = Bus::connect(&server.url(), "relay").await.unwrap();
    bus.ensure_stream().await.unwrap();
    let events: Vec<_> = (1..=EVENTS).map(event).collect();
    let tail = bus.publish(Tail::default(), &events[..3]).await.unwrap();
    tokio::time::sleep(pause).await;
    bus.publish(tail, &events[3..]).await.unwrap();
    let client = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = client.get_stream("TICKETS").await.unwrap();
    (server, stream)
}

/// `nats consumer add TICKETS replay --pull --ack none …`
async fn replay(stream: &Stream, config: consumer::pull::Config) -> PullConsumer {
    let config =
        consumer::pull::Config { durable_name: Some("replay".into()), ack_policy: AckPolicy::None, ..config };
    stream.create_consumer(config).await.unwrap()
}

/// `nats consumer next TICKETS replay --count N`: everything there is, by the position it carries.
async fn positions(consumer: &PullConsumer, count: usize) -> Vec<i64> {
    let messages = consumer.fetch().max_messages(100).messages().await.unwrap();
    let read = messages.take(count + 1).map_ok(|message| {
        let position = message.headers.as_ref().unwrap().get("Hub-Position").unwrap();
        position.as_str().parse::<i64>().unwrap()
    });
    within("the messages", read.try_collect()).await.unwrap()
}

#[tokio::test]
async fn the_stream_lists_its_types_and_tickets_as_subjects() {
    let (_server, stream) = stream(Duration::ZERO).await;
    // nats stream info TICKETS · nats stream subjects TICKETS
    let subjects: Vec<(String, usize)> =
        stream.info_with_subjects("tickets.closed.>").await.unwrap().try_collect().await.unwrap();
    let mut expected =
        vec![(format!("tickets.closed.{}", ticket(5)), 1), (format!("tickets.closed.{}", ticket(6)), 1)];
    expected.sort();
    let mut subjects = subjects;
    subjects.sort();
    assert_eq!(subjects, expected);
    // nats stream get TICKETS 3
    let third = stream.get_raw_message(3).await.unwrap();
    let envelope: Envelope = serde_json::from_slice(&third.payload).unwrap();
    assert_eq!((envelope.position, envelope.subject), (Position(3), ticket(3)));
    // nats stream get TICKETS --last-for tickets.closed.<ticket>
    let last =
        stream.get_last_raw_message_by_subject(&format!("tickets.closed.{}", ticket(5))).await.unwrap();
    assert_eq!(last.sequence, 5);
}

#[tokio::test]
async fn a_type_and_a_ticket_are_filtered_by_subject() {
    let (_server, stream) = stream(Duration::ZERO).await;
    for (filter, expected) in [
        ("tickets.analysis-failed.>".to_owned(), vec![1, 2, 3, 4]),
        ("tickets.closed.*".to_owned(), vec![5, 6]),
        (format!("tickets.*.{}", ticket(1)), vec![1, 3, 5]),
        (format!("tickets.closed.{}", ticket(2)), vec![6]),
    ] {
        let config =
            consumer::pull::Config { filter_subject: filter.clone(), ..consumer::pull::Config::default() };
        let consumer = replay(&stream, config).await;
        assert_eq!(positions(&consumer, expected.len()).await, expected, "{filter}");
        stream.delete_consumer("replay").await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_begins_at_a_position_or_at_a_time() {
    let (_server, stream) = stream(Duration::from_millis(300)).await;
    // --deliver 4: on a stream that the relay filled, a position is its sequence.
    let by_sequence = DeliverPolicy::ByStartSequence { start_sequence: 4 };
    // --deliver 2026-11-21T09:00:00Z: when the bus got it.
    let arrived = stream.get_raw_message(4).await.unwrap().time;
    let by_time = DeliverPolicy::ByStartTime { start_time: arrived - Duration::from_millis(100) };
    for deliver_policy in [by_sequence, by_time] {
        let config = consumer::pull::Config { deliver_policy, ..consumer::pull::Config::default() };
        let consumer = replay(&stream, config).await;
        assert_eq!(positions(&consumer, 3).await, [4, 5, 6], "{deliver_policy:?}");
        stream.delete_consumer("replay").await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_at_original_speed_keeps_the_pauses() {
    let pause = Duration::from_millis(700);
    let (_server, stream) = stream(pause).await;
    let config =
        consumer::pull::Config { replay_policy: ReplayPolicy::Original, ..consumer::pull::Config::default() };
    let consumer = replay(&stream, config).await;
    let began = Instant::now();
    let mut messages = consumer.messages().await.unwrap();
    for expected in 1..=EVENTS {
        let message = within("the next message", messages.next()).await.unwrap().unwrap();
        let envelope: Envelope = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(envelope.position, Position(expected));
    }
    // The server keeps the pause; how much longer a busy machine takes says nothing.
    assert!(began.elapsed() >= pause / 2, "played in {:?}", began.elapsed());
}

#[tokio::test]
async fn an_ordered_subscription_sees_one_tickets_story() {
    let (_server, stream) = stream(Duration::ZERO).await;
    // nats sub 'tickets.*.<ticket>' --stream TICKETS --all
    let config = consumer::pull::OrderedConfig {
        filter_subject: format!("tickets.*.{}", ticket(2)),
        deliver_policy: DeliverPolicy::All,
        ..consumer::pull::OrderedConfig::default()
    };
    let messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    let types = messages.take(3).map(|message| message.unwrap().subject.to_string());
    let story: Vec<String> = within("the story", types.collect()).await;
    let of = |token: &str| format!("tickets.{token}.{}", ticket(2));
    assert_eq!(story, [of("analysis-failed"), of("analysis-failed"), of("closed")]);
}
