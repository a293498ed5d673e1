//! A promoted model answers, whoever reads the log, and the one before it can come back.

use std::{fs, path::PathBuf};

use analyzer_worker::{
    model::heads::{MANIFEST_FILE, WEIGHTS_FILE},
    relearn::{
        history::history,
        rollback::{RollbackSettings, rollback},
    },
    settings::PrecisionChoice,
};
use event_store::Expected;
use schemas::{
    EventId, Position, TicketEvent, TicketId,
    analysis::ModelRef,
    model::{ModelPromoted, Promotion},
};
use sha2::{Digest as _, Sha256};
use subscription::Reaction as _;
use uuid::Uuid;

use crate::{
    support,
    world::{World, registry},
};

/// The shipped heads with one weight changed, which makes them another model.
fn other_heads(world: &World) -> (PathBuf, ModelRef) {
    let shipped = support::settings(PrecisionChoice::F32).heads_dir;
    let folder = world.folder().join("other");
    fs::create_dir_all(&folder).unwrap();
    let mut weights = fs::read(shipped.join(WEIGHTS_FILE)).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    let sha256 = hex::encode(Sha256::digest(&weights));
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(shipped.join(MANIFEST_FILE)).unwrap()).unwrap();
    manifest["sha256"] = sha256.clone().into();
    manifest["revision"] = "other".into();
    fs::write(folder.join(WEIGHTS_FILE), weights).unwrap();
    fs::write(folder.join(MANIFEST_FILE), manifest.to_string()).unwrap();
    let name = manifest["encoder"].as_str().unwrap().to_owned();
    (folder, ModelRef { name, revision: "other".to_owned(), sha256 })
}

async fn promote(world: &World, model: &ModelRef, previous: Option<ModelRef>) {
    let promoted = ModelPromoted {
        model: model.clone(),
        previous,
        reason: Promotion::Better,
        trained_until: Position(7),
        held_out: 1,
        before: [("category".to_owned(), 0.8)].into(),
        after: [("category".to_owned(), 0.9)].into(),
    };
    let event = TicketEvent::ModelPromoted(Box::new(promoted));
    world.append(TicketId::HUB, Expected::Any, EventId::new(Uuid::now_v7()), event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_model_answers_from_there_on() {
    let world = World::new().await;
    let (folder, other) = other_heads(&world);
    let (before, _) = world.submit(support::TICKET).await;
    let worker = world.worker_with(support::own_engine());
    worker.react(&world.stream(before).await).await;
    world.models().keep(&other, &folder).await.unwrap();
    promote(&world, &other, None).await;
    // The files it came from are not needed any more: the database has them.
    fs::remove_dir_all(&folder).unwrap();
    worker.react(&world.stream(TicketId::HUB).await).await;

    let (after, _) = world.submit(support::TICKET).await;
    worker.react(&world.stream(after).await).await;
    let revision = |event: TicketEvent| match event {
        TicketEvent::Analyzed(answer) => answer.model.revision,
        other => panic!("{}", other.type_name()),
    };
    assert_ne!(revision(world.last(before).await.1), "other");
    assert_eq!(revision(world.last(after).await.1), "other");
}

fn to(world: &World, model: Option<&str>) -> RollbackSettings {
    RollbackSettings { to: model.map(ToOwned::to_owned), registry: registry(world) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_back_and_never_forth_unless_a_model_is_named() {
    let world = World::new().await;
    let shipped = support::settings(PrecisionChoice::F32).heads_dir;
    let (folder, other) = other_heads(&world);
    let first = support::engine().model().unwrap();
    world.models().keep(&first, &shipped).await.unwrap();
    world.models().keep(&other, &folder).await.unwrap();
    promote(&world, &other, Some(first.clone())).await;
    let answering = async || world.models().promoted().await.unwrap().unwrap();

    rollback(to(&world, None)).await.unwrap();
    assert_eq!(answering().await, first);
    // Used where it is, because a team's own labels lie beside it.
    assert_eq!(world.models().folder(&first).await.unwrap(), shipped);
    let bottom = rollback(to(&world, None)).await.unwrap_err().to_string();
    assert!(bottom.contains("every promotion is taken back"), "{bottom}");
    assert_eq!(answering().await, first);

    rollback(to(&world, Some("other"))).await.unwrap();
    assert_eq!(answering().await, other);
    assert!(rollback(to(&world, Some("other"))).await.is_err(), "it answers already");
    assert!(rollback(to(&world, Some("nobody"))).await.is_err(), "there is no such model");
    rollback(to(&world, Some("shipped"))).await.unwrap();
    assert_eq!(answering().await, first);

    let list = history(registry(&world)).await.unwrap();
    assert!(list.contains("other: better, position 1 at 20") && list.contains("up to position 7"), "{list}");
    assert!(list.ends_with(&format!("* answers: {}", first.revision)), "{list}");
}
