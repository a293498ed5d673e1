//! Retries that end the process: they count against the event that was tried, and against no other.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use event_store::EventStore;
use schemas::Envelope;
use subscription::{Fate, Reaction, exceptions, parked};
use support::{NOBODY, STAGE, append, run_reaction, store, until};

/// Asks for a retry of everything at the first try, and dies of the event that is retried first, whenever it is tried.
#[derive(Clone, Default)]
struct Fragile {
    tried: Arc<Mutex<HashSet<i64>>>,
    poison: Arc<Mutex<Option<i64>>>,
    deaths: Arc<Mutex<usize>>,
    given_up: Arc<Mutex<Vec<(i64, u32)>>>,
}

impl Reaction for Fragile {
    fn concerns(&self, _: &str) -> bool {
        true
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        let mut fates = vec![];
        for event in events {
            if self.tried.lock().unwrap().insert(event.position.0) {
                fates.push(Fate::RetryAfter(Duration::ZERO, "not yet".into()));
            } else if *self.poison.lock().unwrap().get_or_insert(event.position.0) == event.position.0 {
                *self.deaths.lock().unwrap() += 1;
                // The process hangs here until the test kills it.
                std::future::pending::<()>().await;
            } else {
                fates.push(Fate::Done);
            }
        }
        fates
    }

    async fn given_up(&self, event: &Envelope, attempts: u32) {
        self.given_up.lock().unwrap().push((event.position.0, attempts));
    }
}

async fn unfinished(store: &EventStore) -> Vec<parked::Exception> {
    let all = parked::Filter { waiting: true, ..parked::Filter::default() };
    parked::list(store.pool(), &all).await.unwrap()
}

/// Runs the stage until it hangs or has nothing left to try, and kills it; whether it hung.
async fn hung(store: &EventStore, reaction: &Fragile) -> bool {
    let before = *reaction.deaths.lock().unwrap();
    let running = run_reaction(store, NOBODY, reaction.clone());
    until(|| *reaction.deaths.lock().unwrap() > before || !reaction.given_up.lock().unwrap().is_empty())
        .await;
    drop(running);
    *reaction.deaths.lock().unwrap() > before
}

/// Whoever dies keeps others off the event for minutes; here they pass at once.
async fn minutes_pass(store: &EventStore) {
    sqlx::raw_sql(
        "update subscription.exceptions set due_at = clock_timestamp() where due_at > clock_timestamp()",
    )
    .execute(store.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn a_retry_that_ends_the_process_costs_no_other_event_an_attempt_or_its_turn() {
    let (store, reaction) = (store().await, Fragile::default());
    append(&store, 8).await;
    assert!(hung(&store, &reaction).await);
    let is_poison =
        |exception: &parked::Exception| Some(exception.position) == *reaction.poison.lock().unwrap();
    let (poison, others): (Vec<_>, Vec<_>) = unfinished(&store).await.into_iter().partition(is_poison);
    assert_eq!((poison.len(), poison[0].attempts, others.len()), (1, 2, 7));
    assert!(others.iter().all(|exception| exception.attempts == 1), "{others:?}");
    let due = exceptions::due(store.pool(), STAGE, 10, false).await.unwrap();
    assert_eq!(due.len(), 7, "all but the poison: {due:?}");
}

#[tokio::test]
async fn an_event_whose_retry_always_ends_the_process_is_given_up_after_five_times() {
    let (store, reaction) = (store().await, Fragile::default());
    append(&store, 8).await;
    while hung(&store, &reaction).await {
        minutes_pass(&store).await;
        assert!(*reaction.deaths.lock().unwrap() < 30, "the poison is never parked");
    }
    assert_eq!(*reaction.deaths.lock().unwrap(), 5);
    let poison = reaction.poison.lock().unwrap().unwrap();
    assert_eq!(*reaction.given_up.lock().unwrap(), [(poison, 5)]);
    // The last process may have ended before it noted what it gave up, or while it had others in hand.
    minutes_pass(&store).await;
    let running = run_reaction(&store, NOBODY, reaction.clone());
    running.reached(8).await;
    local_stack::testing::eventually("the others being done, and the poison parked", async || {
        let left = unfinished(&store).await;
        left.len() == 1 && left[0].position == poison && left[0].due_at.is_none()
    })
    .await;
    assert!(unfinished(&store).await[0].reason.contains("ended the process 5 times"));
}

#[tokio::test]
async fn an_operators_retry_forgets_the_crashes_before_it() {
    let (store, reaction) = (store().await, Fragile::default());
    append(&store, 3).await;
    for _ in 0..4 {
        assert!(hung(&store, &reaction).await);
        minutes_pass(&store).await;
    }
    parked::retry(store.pool(), &parked::Filter { waiting: true, ..parked::Filter::default() })
        .await
        .unwrap();
    for _ in 0..5 {
        assert!(hung(&store, &reaction).await);
        minutes_pass(&store).await;
    }
    assert!(!hung(&store, &reaction).await);
}
