//! Changing a ticket: load, decide, append, and what comes between.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::atomic::{AtomicUsize, Ordering};

use event_store::{AppendError, EventStore, HandleError, Handled, Idempotency, Outcome, Stamp, database};
use local_stack::testing::TestDatabase;
use schemas::{EventId, Position, TicketEvent, TicketId, Version, envelope::Metadata, event::AnalysisFailed};
use uuid::Uuid;

/// A ticket as these tests see it: the ids and reasons of its events.
type Story = Vec<(EventId, String)>;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("enough")]
struct Enough;

async fn store() -> EventStore {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 20).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    EventStore::open(pool).await.unwrap()
}

fn stamp() -> Stamp {
    let id = EventId::new(Uuid::now_v7());
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    Stamp::new(id, metadata)
}

fn keyed(key: &str, body: u8) -> Stamp {
    Stamp { idempotency: Some(Idempotency { key: key.to_owned(), body_hash: [body; 32] }), ..stamp() }
}

fn evolve(mut story: Story, id: EventId, event: &TicketEvent) -> Story {
    if let TicketEvent::AnalysisFailed(data) = event {
        story.push((id, data.reason.clone()));
    }
    story
}

fn said(reason: &str) -> TicketEvent {
    TicketEvent::AnalysisFailed(AnalysisFailed { reason: reason.to_owned(), attempts: 1 })
}

/// Says `reason` once; a story of three is long enough.
async fn say(store: &EventStore, stamp: Stamp, reason: &str) -> Result<Handled<Story>, HandleError<Enough>> {
    let decide = |story: &Story| match story.iter().any(|(_, known)| known == reason) {
        true => Ok(None),
        false if story.len() == 3 => Err(Enough),
        false => Ok(Some(said(reason))),
    };
    store.handle(TicketId::new(1.into()), stamp, evolve, decide).await
}

fn place<S>(handled: &Handled<S>) -> (Version, Position, Outcome) {
    (handled.version, handled.position, handled.outcome)
}

#[tokio::test]
async fn a_command_is_decided_by_everything_before_it() {
    let store = store().await;
    let (first, second) = (stamp(), stamp());
    let ids = (first.id, second.id);
    let one = say(&store, first, "one").await.unwrap();
    assert_eq!(place(&one), (Version(1), Position(1), Outcome::Appended));
    let two = say(&store, second, "two").await.unwrap();
    assert_eq!(two.state, [(ids.0, "one".to_owned()), (ids.1, "two".to_owned())]);
    let again = say(&store, stamp(), "one").await.unwrap();
    assert_eq!(place(&again), (Version(2), Position(2), Outcome::NothingToDo));
    assert_eq!(again.state, two.state);
    say(&store, stamp(), "three").await.unwrap();
    assert!(matches!(say(&store, stamp(), "four").await, Err(HandleError::Rejected(Enough))));
}

#[tokio::test]
async fn commands_at_once_are_decided_again_until_each_got_its_turn() {
    let store = store().await;
    let (a, b, c, d) = tokio::join!(
        say(&store, stamp(), "one"),
        say(&store, stamp(), "two"),
        say(&store, stamp(), "three"),
        say(&store, stamp(), "four"),
    );
    let outcomes = [a, b, c, d];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(HandleError::Rejected(Enough)))));
    assert_eq!(store.head().await.unwrap(), Position(3));
}

#[tokio::test]
async fn a_required_version_that_is_gone_is_a_conflict_with_both_versions() {
    let store = store().await;
    say(&store, stamp(), "one").await.unwrap();
    say(&store, stamp(), "two").await.unwrap();
    // Even where there is nothing left to do: the client decided by a ticket that is no more.
    for reason in ["one", "three"] {
        let late = Stamp { required: Some(Version(1)), ..stamp() };
        match say(&store, late, reason).await {
            Err(HandleError::Append(AppendError::Conflict { expected, actual })) => {
                assert_eq!((expected, actual), (Version(1), Version(2)));
            }
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
    let current = Stamp { required: Some(Version(2)), ..stamp() };
    assert_eq!(say(&store, current, "three").await.unwrap().version, Version(3));
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_it_left_the_ticket() {
    let store = store().await;
    let first = say(&store, keyed("key", 1), "one").await.unwrap();
    say(&store, stamp(), "two").await.unwrap();
    say(&store, stamp(), "three").await.unwrap();
    // What it says is said already; whatever else it said would be refused; and the version is another one.
    for (required, reason) in [(None, "one"), (None, "four"), (Some(Version(0)), "one")] {
        let again = say(&store, Stamp { required, ..keyed("key", 1) }, reason).await.unwrap();
        assert_eq!(place(&again), (Version(1), Position(1), Outcome::Replayed));
        assert_eq!(again.state, first.state);
    }
    assert_eq!(store.head().await.unwrap(), Position(3));
}

#[tokio::test]
async fn a_long_past_is_folded_once() {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 20).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    let (store, other) =
        (EventStore::open(pool.clone()).await.unwrap(), EventStore::open(pool).await.unwrap());
    let ticket = TicketId::new(1.into());
    let folded = AtomicUsize::new(0);
    let counting = |story: Story, id: EventId, event: &TicketEvent| {
        folded.fetch_add(1, Ordering::Relaxed);
        evolve(story, id, event)
    };
    let always = |story: &Story| Ok::<_, Enough>(Some(said(&story.len().to_string())));
    for _ in 0..50 {
        store.handle(ticket, stamp(), counting, always).await.unwrap();
    }
    assert_eq!(folded.swap(0, Ordering::Relaxed), 50, "each event by the command that appends it");
    // What another process appends is seen, before anything is decided and by nothing else than a load.
    other.handle(ticket, stamp(), evolve, always).await.unwrap();
    let handled = store.handle(ticket, stamp(), counting, always).await.unwrap();
    assert_eq!((handled.version, handled.state.len()), (Version(52), 52));
    assert_eq!(handled.state[50].1, "50");
    assert_eq!(folded.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_request_that_changed_nothing_changes_nothing_later_either() {
    let store = store().await;
    let ticket = TicketId::new(1.into());
    let unless = |last: &'static str| {
        move |story: &Story| {
            let is_last = story.last().is_some_and(|(_, known)| known == last);
            Ok::<_, Enough>((!is_last).then(|| said(last)))
        }
    };
    store.handle(ticket, stamp(), evolve, unless("one")).await.unwrap();
    let nothing = store.handle(ticket, keyed("key", 1), evolve, unless("one")).await.unwrap();
    assert_eq!(place(&nothing), (Version(1), Position(1), Outcome::NothingToDo));
    store.handle(ticket, stamp(), evolve, unless("two")).await.unwrap();
    let again = store.handle(ticket, keyed("key", 1), evolve, unless("one")).await.unwrap();
    assert_eq!(place(&again), (Version(1), Position(1), Outcome::Replayed));
    let other = store.handle(ticket, keyed("key", 2), evolve, unless("two")).await;
    assert!(matches!(other, Err(HandleError::Append(AppendError::KeyReused))), "{other:?}");
    assert_eq!(store.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_key_that_belongs_to_another_request_is_refused() {
    let store = store().await;
    say(&store, keyed("key", 1), "one").await.unwrap();
    for reason in ["one", "two"] {
        let reused = say(&store, keyed("key", 2), reason).await;
        assert!(matches!(reused, Err(HandleError::Append(AppendError::KeyReused))), "{reused:?}");
    }
}

#[tokio::test]
async fn work_under_a_derived_id_is_done_once() {
    let store = store().await;
    let derived = stamp();
    say(&store, derived.clone(), "one").await.unwrap();
    let again = say(&store, derived, "two").await.unwrap();
    assert_eq!(place(&again), (Version(1), Position(1), Outcome::NothingToDo));
}
