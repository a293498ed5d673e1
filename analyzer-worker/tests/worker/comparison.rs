//! Another model's answers beside those of the log, which stays as it is.

use analyzer_worker::{
    replay::{ReplaySettings, replay},
    settings::PrecisionChoice,
};
use event_store::Expected;
use schemas::{EventId, TicketEvent};
use subscription::Reaction as _;
use uuid::Uuid;

use crate::{
    relearning::correct_the_text,
    support,
    world::{World, registry},
};

fn settings(world: &World) -> ReplaySettings {
    let model = support::settings(PrecisionChoice::F32);
    ReplaySettings {
        candidate: model.heads_dir.clone(),
        from: 1,
        to: None,
        list: 0,
        shadow: false,
        backbone: registry(world).backbone,
        model,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_compares_every_answer_and_changes_nothing() {
    let world = World::new().await;
    let worker = world.worker();
    let (corrected, _) = world.submit(support::TICKET).await;
    worker.react(&world.stream(corrected).await).await;
    correct_the_text(&world, corrected).await;
    let (other, _) = world.submit("How do I share a calendar with a colleague?").await;
    worker.react(&world.stream(other).await).await;
    let end = world.store.head().await.unwrap();
    let settings = settings(&world);
    let report = replay(settings.clone()).await.unwrap();
    assert!(report.starts_with("2 answers compared"), "{report}");
    assert!(report.contains("category: 0 would change (0.0 %)"), "{report}");
    assert!(report.contains("says what people corrected it to in 0 of 1 cases"), "{report}");
    let later = replay(ReplaySettings { from: end.0, ..settings }).await.unwrap();
    assert!(later.starts_with("1 answers compared"), "{later}");
    assert_eq!(world.store.head().await.unwrap(), end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_lists_tickets_by_their_ids_and_never_by_their_texts() {
    let world = World::new().await;
    let (ticket, _) = world.submit(support::TICKET).await;
    world.worker().react(&world.stream(ticket).await).await;
    let (_, event) = world.last(ticket).await;
    let TicketEvent::Analyzed(mut other) = event else { panic!("{}", event.type_name()) };
    (other.category.label, other.kind.label) = ("General".to_owned(), "general".to_owned());
    let id = EventId::new(Uuid::now_v7());
    let position = world.append(ticket, Expected::Any, id, TicketEvent::Analyzed(other)).await;
    let report = replay(ReplaySettings { list: 1, ..settings(&world) }).await.unwrap();
    assert!(report.contains(&format!("\n{position}  {ticket}  category: General -> ")), "{report}");
    assert!(report.ends_with("1 of 2 changes listed") && !report.contains("srv-fs01"), "{report}");
    let unlisted = replay(settings(&world)).await.unwrap();
    assert!(!unlisted.contains(&ticket.to_string()), "{unlisted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_nothing_is_refused() {
    let world = World::new().await;
    let refusal = async |from, to| {
        let settings = ReplaySettings { from, to, ..settings(&world) };
        replay(settings).await.unwrap_err().to_string()
    };
    assert_eq!(refusal(9, Some(3)).await, "--from 9 is after --to 3");
    assert!(refusal(9, None).await.contains("the log ends at 0"));
}
