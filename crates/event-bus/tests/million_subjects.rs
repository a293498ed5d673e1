//! What a subject per ticket costs nats-server. Prints a row per size; `docs/adr/0013-a-subject-per-ticket.md` keeps them:
//!
//! `SUBJECTS=10000,100000,1000000 cargo test --release -p event-bus --test million_subjects -- --ignored --nocapture`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that panics when it fails and prints"
)]

use std::time::{Duration, Instant};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use event_bus::{Bus, publish::Tail};
use futures::StreamExt as _;
use local_stack::testing::TestNats;
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::{Metadata, Recorded},
    event::AnalysisFailed,
};

/// Events made at a time.
const CHUNK: u64 = 512;

fn event(position: u64, tickets: u64) -> Envelope {
    let id = EventId::new(uuid::Uuid::from_u128(u128::from(position)));
    let place = Recorded {
        id,
        ticket: TicketId::new(u128::from(position % tickets).into()),
        position: Position(position as i64),
        version: Version(1),
        time: "2026-11-21T09:00:00Z".parse().unwrap(),
    };
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    // About as long as a sealed submission.
    let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".repeat(400), attempts: 1 });
    Envelope::new(place, event.type_name().to_owned(), metadata, event.to_data().unwrap())
}

async fn publish(bus: &Bus, from: Tail, through: u64, tickets: u64) -> (Tail, Duration) {
    let began = Instant::now();
    let mut publisher = bus.publisher(from);
    let mut next = from.position.0 as u64 + 1;
    while next <= through {
        let last = (next + CHUNK - 1).min(through);
        let events: Vec<_> = (next..=last).map(|position| event(position, tickets)).collect();
        publisher.send(&events).await.unwrap();
        next = last + 1;
    }
    (publisher.flush().await.unwrap(), began.elapsed())
}

/// Time to make a consumer with this filter, and to be handed its first message.
async fn first_of(stream: &jetstream::stream::Stream, filter: &str) -> (Duration, Duration) {
    let began = Instant::now();
    let config = pull::Config {
        filter_subject: filter.to_owned(),
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::All,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let made = began.elapsed();
    let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
    messages.next().await.unwrap().unwrap();
    (made, began.elapsed())
}

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn measure(events: u64, tickets: u64) {
    let mut server = TestNats::start().await.unwrap();
    let bus = Bus::connect(&server.url(), "measure").await.unwrap();
    bus.ensure_stream().await.unwrap();
    let (tail, all) = publish(&bus, Tail::default(), events, tickets).await;
    let loaded = resident_mib(server.pid());
    let (_, more) = publish(&bus, tail, events + 10_000, tickets).await;
    let began = Instant::now();
    server.restart().await.unwrap();
    while Bus::connect(&server.url(), "measure").await.is_err() {}
    let bus = Bus::connect(&server.url(), "measure").await.unwrap();
    while bus.tail().await.is_err() {}
    let restart = began.elapsed();
    let client = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = client.get_stream("TICKETS").await.unwrap();
    let middle = TicketId::new(u128::from(tickets / 2).into());
    let (type_made, type_first) = first_of(&stream, "tickets.analysis-failed.>").await;
    let (ticket_made, ticket_first) = first_of(&stream, &format!("tickets.*.{middle}")).await;
    let rate = |events: u64, time: Duration| (events as f64 / time.as_secs_f64()) as u64;
    println!(
        "| {events} | {tickets} | {} /s | {} /s | {loaded} MiB | {} MiB | {restart:.1?} | {type_made:.1?} / {type_first:.1?} | {ticket_made:.1?} / {ticket_first:.1?} |",
        rate(events, all),
        rate(10_000, more),
        resident_mib(server.pid()),
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn what_a_subject_per_ticket_costs() {
    let sizes = std::env::var("SUBJECTS").unwrap_or_else(|_| "10000".to_owned());
    println!(
        "| events | subjects | publish | next 10,000 | RSS loaded | RSS restarted | restart | filter by type: made / first message | by ticket: made / first message |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for size in sizes.split(',').map(|size| size.parse().unwrap()) {
        // The same events on few subjects, for comparison.
        measure(size, 100).await;
        measure(size, size).await;
    }
}
