//! Recordings are written down and read: with a real recogniser where it is installed, and by the protocol of a service.

use analyzer_worker::transcription::{
    Transcriber, TranscriptionStage,
    engine::{TranscriberChoice, TranscriptionSettings},
};
use axum::{Json, Router, body::Bytes, http::HeaderMap, routing::post};
use schemas::{Envelope, TicketEvent, TicketId, analysis::Entity};
use serde_json::json;
use subscription::{Fate, Reaction as _};

use crate::world::World;

fn settings(transcriber: TranscriberChoice, url: &str) -> TranscriptionSettings {
    TranscriptionSettings {
        transcriber,
        transcription_url: url.to_owned(),
        transcription_model: "whisper-1".to_owned(),
        transcription_key_file: None,
    }
}

fn stage(world: &World, settings: &TranscriptionSettings) -> TranscriptionStage {
    let transcriber = Transcriber::new(settings).unwrap().unwrap();
    TranscriptionStage::new(world.store.clone(), world.keys.clone(), transcriber)
}

async fn transcript(world: &World, event: &Envelope) -> String {
    let TicketEvent::Transcribed(data) = event.event().unwrap() else { panic!("{}", event.type_name) };
    world.keys.open_sealed(&data.text, event.id, "text").await.unwrap()
}

/// What both transcribers have in common: the transcript is an event of its own, and the ticket is analyzed again.
async fn written_down_and_read(world: &World, ticket: TicketId, stage: &TranscriptionStage) -> String {
    let worker = world.worker();
    let submitted = world.stream(ticket).await;
    assert_eq!(worker.react(&submitted).await, [Fate::Done]);
    assert_eq!(stage.react(&submitted).await, [Fate::Done]);
    // Seen twice, written down once.
    assert_eq!(stage.react(&submitted).await, [Fate::Done]);
    let transcribed = world.stream(ticket).await;
    assert_eq!(transcribed.len(), 3);
    assert_eq!(worker.react(&transcribed[2..]).await, [Fate::Done]);
    let stream = world.stream(ticket).await;
    let [_, first, written, second] = stream.as_slice() else { panic!("{} events", stream.len()) };
    assert_eq!(first.type_name, second.type_name);
    let text = transcript(world, written).await;
    assert!(!written.data.get().contains(&text), "the transcript is in clear text");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_writes_a_recording_down() {
    let answer = async |headers: HeaderMap, body: Bytes| {
        assert!(headers["content-type"].to_str().unwrap().starts_with("multipart/form-data"));
        let is_there = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        assert!(is_there(b"name=\"model\"\r\n\r\nwhisper-1\r\n") && is_there(b"the sound itself"));
        Json(json!({ "text": "The server srv-fs01 in Lisbon is on fire." }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/audio/transcriptions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let world = World::new().await;
    let written = "Grüße aus Halle 👋, error 809 again. Please listen to my message.";
    let (ticket, _) = world.submit_with(written, &[b"the sound itself"]).await;
    let stage = stage(&world, &settings(TranscriberChoice::Http, &url));
    let text = written_down_and_read(&world, ticket, &stage).await;
    assert_eq!(text, "The server srv-fs01 in Lisbon is on fire.");
    let (last, event) = world.last(ticket).await;
    let TicketEvent::Analyzed(answer) = event else { panic!("{}", last.type_name) };
    let entities = world.keys.open_sealed(&answer.entities, last.id, "entities").await.unwrap();
    assert_places(&entities, &format!("{written}\n\n{text}"));
    let starts = |name: &str| entities.iter().find(|entity| entity.text == name).unwrap().start;
    let length = written.chars().count();
    assert!(starts("809") < length && starts("srv-fs01") > length, "{entities:?}");
}

/// The places are those of the written text with what was said below it.
fn assert_places(entities: &[Entity], text: &str) {
    for entity in entities {
        let there: String = text.chars().skip(entity.start).take(entity.end - entity.start).collect();
        assert_eq!(there, entity.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_asked_again() {
    let world = World::new().await;
    let (ticket, _) = world.submit_with("Please listen to my message.", &[b"the sound itself"]).await;
    let stage = stage(&world, &settings(TranscriberChoice::Http, "http://127.0.0.1:1"));
    let outage = stage.outage();
    assert_eq!(outage.problem(), None, "nobody asked it yet");
    let fates = stage.react(&world.stream(ticket).await).await;
    // However long it is away: attempts are not counted, so no recording is parked for it.
    assert!(matches!(fates.as_slice(), [Fate::Postpone(..)]), "{fates:?}");
    assert_eq!(outage.problem().as_deref(), Some("the transcription service cannot be reached"));
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know what was not tested")]
async fn pocketsphinx_writes_a_recording_down() {
    for program in ["espeak-ng", "pocketsphinx_continuous"] {
        if !is_installed(program) {
            eprintln!("SKIPPED: {program} is not installed (packages espeak-ng, pocketsphinx-en-us, sox)");
            return;
        }
    }
    let world = World::new().await;
    let wave = world.folder().join("said.wav");
    let spoken = std::process::Command::new("espeak-ng")
        .args(["-v", "en-us", "-s", "130", "-w"])
        .arg(&wave)
        .arg("the network is down")
        .status()
        .unwrap();
    assert!(spoken.success());
    let recording = std::fs::read(&wave).unwrap();
    let (ticket, _) = world.submit_with("Please listen to my message.", &[&recording]).await;
    let stage = stage(&world, &settings(TranscriberChoice::Pocketsphinx, ""));
    let text = written_down_and_read(&world, ticket, &stage).await;
    // It was trained on people: of this voice it understands a word here and there.
    assert!(text.contains("network"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_is_parked() {
    if !is_installed("pocketsphinx_continuous") || !(is_installed("sox") || is_installed("ffmpeg")) {
        return;
    }
    let world = World::new().await;
    let (ticket, _) =
        world.submit_with("Please listen to my message.", &[b"RIFFxxxxWAVE but no sound"]).await;
    let stage = stage(&world, &settings(TranscriberChoice::Pocketsphinx, ""));
    let fates = stage.react(&world.stream(ticket).await).await;
    assert!(matches!(fates.as_slice(), [Fate::Park(_)]), "{fates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_breaks_on_a_recording_is_not_away() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let broken = post(async || axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let router = Router::new().route("/v1/audio/transcriptions", broken);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::new().await;
    let (ticket, _) = world.submit_with("Please listen to my message.", &[b"the sound itself"]).await;
    let stage = stage(&world, &settings(TranscriberChoice::Http, &url));
    let fates = stage.react(&world.stream(ticket).await).await;
    assert!(matches!(fates.as_slice(), [Fate::RetryAfter(..)]), "{fates:?}");
    assert_eq!(stage.outage().problem(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_missing_shows_before_a_recording_comes() {
    let world = World::new().await;
    let problem = stage(&world, &settings(TranscriberChoice::Pocketsphinx, "")).outage().problem();
    let is_there = is_installed("pocketsphinx_continuous") && (is_installed("sox") || is_installed("ffmpeg"));
    assert_eq!(problem.is_none(), is_there, "{problem:?}");
}
