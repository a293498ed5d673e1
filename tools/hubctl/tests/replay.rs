//! `hubctl replay` from a real log, to files and to a real NATS.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use async_nats::jetstream;
use futures::StreamExt as _;
use schemas::{Envelope, Position, TicketId};
use support::Hub;

/// The positions in lines of JSON.
fn positions(lines: &str) -> Vec<i64> {
    lines.lines().map(|line| serde_json::from_str::<Envelope>(line).unwrap().position.0).collect()
}

#[tokio::test]
async fn the_whole_log_goes_out_in_order_and_byte_for_byte() {
    let hub = Hub::start().await;
    hub.append(0..2500).await;
    let replayed = hub.hubctl(&["replay", "--to-file", "-"]).await;
    assert!(replayed.err.contains("replayed 2500 events"), "{}", replayed.err);
    let log = hub.store.read_all(Position::START, 3000).await.unwrap();
    let lines: Vec<_> = log.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    assert_eq!(replayed.out.lines().collect::<Vec<_>>(), lines);
}

#[tokio::test]
async fn a_part_is_chosen_by_ticket_type_place_and_time() {
    let hub = Hub::start().await;
    hub.append([1, 2, 1, 2, 1]).await;
    let ticket = TicketId::new(1.into()).to_string();
    let lines = async |more: &[&str]| {
        positions(&hub.hubctl(&[&["replay", "--to-file", "-"], more].concat()).await.out)
    };
    assert_eq!(lines(&["--ticket", &ticket]).await, [1, 3, 5]);
    assert_eq!(lines(&["--from", "2", "--to", "4"]).await, [2, 3, 4]);
    assert_eq!(lines(&["--ticket", &ticket, "--from", "2"]).await, [3, 5]);
    assert_eq!(lines(&["--type", "analysis-failed", "--to", "1"]).await, [1]);
    assert!(lines(&["--type", "submitted"]).await.is_empty());
    let time = hub.store.read_positions(&[Position(3)]).await.unwrap()[0].time.to_rfc3339();
    assert_eq!(lines(&["--from", &time, "--speed", "original"]).await, [3, 4, 5]);
    assert_eq!(lines(&["--to", &time]).await, [1, 2, 3]);
    hub.hubctl(&["replay", "--to-file", "-", "--type", "shredded"]).await.refuses("no type shredded");
}

#[tokio::test]
async fn a_dry_run_counts_by_type_and_sends_nothing() {
    let hub = Hub::start().await;
    hub.append(0..7).await;
    let counted = hub.hubctl(&["replay", "--dry-run", "--from", "3"]).await;
    counted.says("5  hub.ticket.analysis-failed.v1");
    counted.says("5  events would be replayed");
    hub.hubctl(&["replay"]).await.refuses("--to-file");
}

#[tokio::test]
async fn a_stream_gets_a_copy_and_the_log_s_own_stream_never() {
    let hub = Hub::start().await;
    hub.append(0..20).await;
    hub.hubctl(&["replay", "--to-stream", "TICKETS"]).await.refuses("the hub's own");
    hub.hubctl(&["replay", "--to-subject", "tickets.submitted.x"]).await.refuses("the hub's own");
    let replayed = hub.hubctl(&["replay", "--to-stream", "demo"]).await;
    assert!(replayed.err.contains("replayed 20 events"), "{}", replayed.err);
    let jetstream = jetstream::new(async_nats::connect(hub.server.url()).await.unwrap());
    let copy = jetstream.get_stream("demo").await.unwrap();
    assert_eq!(copy.cached_info().state.messages, 20);
    let last = copy.get_raw_message(20).await.unwrap();
    assert!(last.subject.starts_with("replay.demo.analysis-failed.tkt_"), "{}", last.subject);
    let again = hub.hubctl(&["replay", "--to-stream", "demo"]).await;
    assert!(again.err.contains("had 20 of them already"), "{}", again.err);
    assert_eq!(hub.bus.tail().await.unwrap().position, Position::START, "our own stream saw nothing");
}

#[tokio::test]
async fn whoever_listens_on_a_subject_hears_the_replay() {
    let hub = Hub::start().await;
    hub.append(0..3).await;
    let client = async_nats::connect(hub.server.url()).await.unwrap();
    let heard = client.subscribe("demo.replay").await.unwrap();
    client.flush().await.unwrap();
    hub.hubctl(&["replay", "--to-subject", "demo.replay"]).await.says("");
    let heard: Vec<_> = heard.take(3).collect().await;
    let events = heard.iter().map(|message| serde_json::from_slice::<Envelope>(&message.payload).unwrap());
    assert_eq!(events.map(|event| event.position.0).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_file_that_is_there_is_left_alone() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.ndjson");
    hub.append(0..3).await;
    hub.hubctl(&["replay", "--to-file", file.to_str().unwrap()]).await.says("");
    assert_eq!(positions(&std::fs::read_to_string(&file).unwrap()), [1, 2, 3]);
    hub.hubctl(&["replay", "--to-file", file.to_str().unwrap()]).await.refuses("making the file");
}
