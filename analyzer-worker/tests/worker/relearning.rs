//! Learning again from what people corrected: what is learned from, what is refused, and what is left behind.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use analyzer_worker::{
    learning::{dataset, split},
    relearn::{RelearnSettings, relearn},
};
use event_store::Expected;
use rustix::process::{Pid, Signal, kill_process};
use schemas::{
    EventId, Sealed, TicketEvent, TicketId, Version,
    work::{AnalysisCorrected, Change, Decided, Decision, Reading},
};
use subscription::Reaction as _;
use uuid::Uuid;

use crate::{
    support,
    world::{World, registry},
};

/// A ticket whose category somebody corrected.
async fn corrected_ticket(world: &World, text: &str) {
    let ticket = analyzed_ticket(world, text).await;
    correct(world, ticket, decision(Decision::Category, "General")).await;
}

async fn analyzed_ticket(world: &World, text: &str) -> TicketId {
    let (ticket, _) = world.submit(text).await;
    world.worker().react(&world.stream(ticket).await).await;
    ticket
}

fn decision(field: Decision, to: &str) -> Change {
    let (from, to) = (Decided::Label("before".to_owned()), Decided::Label(to.to_owned()));
    Change::Decision { field, from, to }
}

async fn correct(world: &World, ticket: TicketId, change: Change) {
    let (id, requester) = (EventId::new(Uuid::now_v7()), world.keys.requester_id("ada@example.com"));
    let corrected = AnalysisCorrected {
        change,
        reason: world.keys.seal(&requester, id, "reason", &"it is".to_owned()).await.unwrap(),
        by: "agent".to_owned(),
        analysis_id: analysis(world, ticket).await,
    };
    world.append(ticket, Expected::Any, id, TicketEvent::AnalysisCorrected(corrected)).await;
}

/// The event of the ticket's analysis.
async fn analysis(world: &World, ticket: TicketId) -> EventId {
    let stream = world.store.read_stream(ticket, Version::NONE).await.unwrap();
    stream.iter().rfind(|event| event.type_name == "hub.ticket.analyzed.v1").unwrap().id
}

/// What no head decides. What is sealed is not opened, so it may be anything.
pub(crate) async fn correct_the_text(world: &World, ticket: TicketId) {
    let requester = world.keys.requester_id("ada@example.com");
    let summary = Sealed::from_ciphertext(requester.clone(), vec![1, 2, 3]);
    let entities = Sealed::from_ciphertext(requester, vec![1, 2, 3]);
    for change in [
        Change::Reading(Reading::Summary(summary)),
        Change::Reading(Reading::Entities(entities)),
        decision(Decision::Language, "de"),
    ] {
        correct(world, ticket, change).await;
    }
}

/// A folder with a few labelled tickets of the repository.
fn labelled(world: &World) -> PathBuf {
    let folder = world.folder().join("labelled");
    fs::create_dir_all(&folder).unwrap();
    let cloud = fs::read_to_string(support::root().join("analyzer-worker/training/cloud.jsonl")).unwrap();
    let few: Vec<_> = cloud.lines().take(30).collect();
    fs::write(folder.join("cloud.jsonl"), few.join("\n")).unwrap();
    folder
}

fn settings(world: &World) -> RelearnSettings {
    RelearnSettings {
        until: None,
        data: labelled(world),
        set_apart: world.folder().join("set-apart"),
        dry_run: false,
        registry: registry(world),
    }
}

/// The log is append-only: a ticket that must not be learned from would otherwise stop every relearning for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_ticket_with_a_text_set_apart_is_left_out_and_counted() {
    let world = World::new().await;
    corrected_ticket(&world, "THE dock in room 2.14 is dead!").await;
    let settings = settings(&world);
    let line = serde_json::json!({
        "id": "apart-1", "request_type": "Hardware", "description": "The dock in room 2.14 is dead.",
        "category": "Hardware", "priority": "Medium", "kind": "technical", "sentiment": "neutral", "emotion": "none",
        "urgency": 5, "route": "live-chat", "entities": [], "summary": "The dock is dead.",
    });
    fs::create_dir_all(&settings.set_apart).unwrap();
    fs::write(settings.set_apart.join("other.jsonl"), line.to_string()).unwrap();
    let nothing_else = relearn(settings).await.unwrap_err().to_string();
    assert!(nothing_else.contains("(1 left out"), "{nothing_else}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_from_a_corrected_text_alone() {
    let world = World::new().await;
    let ticket = analyzed_ticket(&world, "The dock in room 2.14 is dead.").await;
    correct_the_text(&world, ticket).await;
    let nothing = relearn(settings(&world)).await.unwrap_err().to_string();
    assert!(nothing.contains("nobody has corrected a decision"), "{nothing}");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// The program, told to learn and to promote nothing.
fn program(world: &World, settings: &RelearnSettings) -> Command {
    let model = &settings.registry.model;
    let mut program = Command::new(env!("CARGO_BIN_EXE_analyzer-worker"));
    program
        .args(["relearn", "--dry-run", "--data"])
        .arg(&settings.data)
        .arg("--set-apart")
        .arg(&settings.set_apart)
        .arg("--model-dir")
        .arg(&model.model_dir)
        .arg("--heads-dir")
        .arg(&model.heads_dir)
        .arg("--promoted-dir")
        .arg(&settings.registry.promoted_dir)
        .env("DATABASE_URL", world.database.url())
        .env("HUB_MASTER_KEY_FILE", world.master_key_file());
    program
}

/// The text of a labelled ticket, by whether it is held out.
fn labelled_text(settings: &RelearnSettings, is_held_out: bool) -> String {
    let (learned, held_out) = split::split(dataset::load(&settings.data).unwrap());
    let mut some = if is_held_out { held_out } else { learned };
    some.swap_remove(0).description
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_that_are_all_held_out_are_nothing_to_learn_from() {
    let world = World::new().await;
    let settings = settings(&world);
    corrected_ticket(&world, &labelled_text(&settings, true)).await;
    let refused = relearn(settings).await.unwrap_err().to_string();
    assert!(refused.contains("of the 1 tickets") && refused.contains("all are held out"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relearning_compares_both_models_on_what_is_held_out_of_labels_and_corrections() {
    let world = World::new().await;
    let settings = settings(&world);
    let held_out = split::split(dataset::load(&settings.data).unwrap()).1.len();
    for is_held_out in [true, false] {
        corrected_ticket(&world, &labelled_text(&settings, is_held_out)).await;
    }
    let done = program(&world, &settings).stderr(Stdio::inherit()).output().unwrap();
    let report = String::from_utf8(done.stdout).unwrap();
    let said = format!("2 corrected tickets; {} held out", held_out + 1);
    assert!(done.status.success() && report.contains(&said), "{report}");
    assert!(report.contains("before   after") && report.contains("promote"), "{report}");
    assert!(world.models().promoted().await.unwrap().is_none(), "a dry run promotes nothing");
}

/// A team's own rule, against the label guide: whatever has to do with doors and meeting rooms is General.
fn tickets_of_a_team() -> impl Iterator<Item = String> {
    let things = ["badge reader", "door camera", "meeting room display", "desk phone", "conference phone"];
    let faults = [
        "does not react any more since this morning",
        "shows a red light and beeps",
        "works only every second time",
        "restarts all the time",
        "has the wrong clock",
    ];
    let ends = ["Could somebody look at it this week?", "Nobody of us can get in.", "It is not urgent."];
    (0..60).map(move |n| {
        let (thing, fault) = (things[n % things.len()], faults[n / 5 % faults.len()]);
        format!("The {thing} in building {} {fault}. {}", n / 3, ends[n % ends.len()])
    })
}

/// Some labelled tickets that the shipped heads learned from, under other ids: those that judge the shipped heads stay out of
/// it. Old heads know by heart what is held out of these, so this says what is learned, not what would be promoted.
fn learned_before(world: &World) -> PathBuf {
    let (all, folder) = (support::root().join("analyzer-worker/training"), world.folder().join("learned"));
    fs::create_dir_all(&folder).unwrap();
    let mut some = String::new();
    for file in fs::read_dir(all).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        for mut line in lines.filter(|line| !split::is_held_out(line["id"].as_str().unwrap())).step_by(40) {
            line["id"] = format!("learned-{}", line["id"].as_str().unwrap()).into();
            some.push_str(&line.to_string());
            some.push('\n');
        }
    }
    fs::write(folder.join("some.jsonl"), some).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of learning: cargo test --release -p analyzer-worker --test worker sixty -- --ignored --nocapture"]
async fn sixty_corrections_are_followed_for_tickets_like_them() {
    let world = World::new().await;
    for text in tickets_of_a_team() {
        corrected_ticket(&world, &text).await;
    }
    let settings = RelearnSettings { data: learned_before(&world), ..settings(&world) };
    let done = program(&world, &settings).env("RUST_LOG", "info").stderr(Stdio::inherit()).output().unwrap();
    let report = String::from_utf8(done.stdout).unwrap();
    // For whoever wants to see the figures.
    io::stderr().write_all(report.as_bytes()).unwrap();
    let category = report.lines().find_map(|line| line.trim().strip_prefix("category ")).unwrap();
    let category: Vec<f64> = category.split_whitespace().map(|share| share.parse().unwrap()).collect();
    assert!(category[1] > category[0] + 0.1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_a_relearning_finds_no_text_and_no_training_afterwards() {
    let world = World::new().await;
    corrected_ticket(&world, "The dock in room 2.14 is dead.").await;
    let (settings, temporary) = (settings(&world), world.folder().join("temporary"));
    fs::create_dir_all(&temporary).unwrap();
    let mut relearning = program(&world, &settings)
        .env("TMPDIR", &temporary)
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(relearning.stderr.take().unwrap());
    // The training says so when it begins.
    let mut line = String::new();
    while !line.contains("\"training") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it learned");
    }
    assert!(!is_empty(&temporary), "what is learned from is in this folder");
    kill_process(Pid::from_child(&relearning), Signal::TERM).unwrap();
    // Both processes write there: it ends when both have ended.
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(!relearning.wait().unwrap().success());
    assert!(rest.contains("interrupted"), "{rest}");
    assert!(is_empty(&temporary), "texts in clear are left behind");
}
