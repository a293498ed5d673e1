//! The stages against a real Postgres, with the real model.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod comparison;
mod promotion;
mod recordings;
mod relearning;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::time::Duration;

use analyzer_worker::{engine::Engine, settings::PrecisionChoice, worker::STAGE};
use schemas::{TicketEvent, analysis::Sentiment};
use subscription::{Fate, Progress, Reaction as _, Stage, reaction};
use tokio_util::sync::CancellationToken;

use world::World;

const NOBODY: &str = "nats://127.0.0.1:1";

#[tokio::test(flavor = "multi_thread")]
async fn a_submitted_ticket_gets_its_analysis_sealed_into_the_log() {
    let world = World::new().await;
    let (ticket, position) = world.submit(support::TICKET).await;
    let (progress, stop) = (Progress::new(STAGE), CancellationToken::new());
    let stage = Stage { name: STAGE, store: world.store.clone(), nats_url: NOBODY.to_owned() };
    let running = tokio::spawn(reaction::run(stage, world.worker(), progress.clone(), stop.clone()));
    progress.reached(position).await;
    stop.cancel();
    running.await.unwrap().unwrap();

    let stream = world.stream(ticket).await;
    let [submitted, analyzed] = stream.as_slice() else { panic!("{} events", stream.len()) };
    assert_eq!(analyzed.id, submitted.id.derive("analysis"));
    assert_eq!(analyzed.metadata.causationid, Some(submitted.id));
    assert!(!analyzed.data.get().contains("srv-fs01"), "personal data is in clear text");
    let TicketEvent::Analyzed(answer) = analyzed.event().unwrap() else { panic!("{}", analyzed.type_name) };
    let entities = world.keys.open_sealed(&answer.entities, analyzed.id, "entities").await.unwrap();
    assert!(entities.iter().any(|entity| entity.text == "srv-fs01"));
    assert!(!world.keys.open_sealed(&answer.summary, analyzed.id, "summary").await.unwrap().is_empty());
    let embedding =
        world.keys.open_sealed(&answer.embedding.unwrap(), analyzed.id, "embedding").await.unwrap();
    let length = embedding.vector().iter().map(|value| value * value).sum::<f32>();
    assert_eq!((embedding.space.as_str(), embedding.vector().len()), ("minilm-l6", 384));
    assert!((length - 1.0).abs() < 0.01, "{length}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seeing_a_ticket_twice_analyzes_it_once() {
    let world = World::new().await;
    let (ticket, _) = world.submit("The dock in room 2.14 is dead since this morning.").await;
    let worker = world.worker();
    let submitted = world.stream(ticket).await;
    let twice = [submitted[0].clone(), submitted[0].clone()];
    worker.react(&twice).await;
    worker.react(&twice).await;
    assert_eq!(world.stream(ticket).await.len(), 2);
}

/// An engine whose model is not there.
fn engine_without_model() -> Engine {
    let mut settings = support::settings(PrecisionChoice::F32);
    settings.model_dir = "/nonexistent".into();
    Engine::start_in_background(&settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_answer_for_a_model_that_is_away_and_the_model_answers_when_it_is_back() {
    let world = World::new().await;
    let (ticket, _) = world.submit(support::TICKET).await;
    let submitted = world.stream(ticket).await;

    let without = world.worker_with(engine_without_model());
    let fates = without.react(&submitted).await;
    assert!(matches!(fates.as_slice(), [Fate::Postpone(delay, _)] if *delay > Duration::ZERO), "{fates:?}");
    let (degraded, event) = world.last(ticket).await;
    let TicketEvent::Analyzed(answer) = event else { panic!("{}", degraded.type_name) };
    assert!(answer.degraded && answer.needs_review && answer.embedding.is_none());
    // Waiting on changes nothing.
    without.react(&submitted).await;
    assert_eq!(world.stream(ticket).await.len(), 2);

    assert_eq!(world.worker().react(&submitted).await, [Fate::Done]);
    let (full, event) = world.last(ticket).await;
    let TicketEvent::Analyzed(answer) = event else { panic!("{}", full.type_name) };
    assert!(!answer.degraded);
    assert_ne!(full.id, degraded.id);
    // And the rules have no say afterwards.
    without.react(&submitted).await;
    assert_eq!(world.stream(ticket).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_read_for_its_mood_once() {
    let world = World::new().await;
    let (ticket, _) = world.submit(support::TICKET).await;
    world.comment(ticket, "Thank you so much, everything works again, great job!").await;
    let comment = world.stream(ticket).await;
    let worker = world.worker();
    assert_eq!(worker.react(&comment[1..]).await, [Fate::Done]);
    assert_eq!(worker.react(&comment[1..]).await, [Fate::Done]);
    let stream = world.stream(ticket).await;
    let [_, _, analyzed] = stream.as_slice() else { panic!("{} events", stream.len()) };
    let TicketEvent::CommentAnalyzed(answer) = analyzed.event().unwrap() else { panic!("{analyzed:?}") };
    assert_eq!((answer.comment_id, answer.sentiment.label), (comment[1].id, Sentiment::Positive));
}
