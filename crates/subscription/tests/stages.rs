//! Stages against a real Postgres and a real nats-server, driven until they have come as far as the log.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_bus::{Bus, publish::Tail};
use event_store::EventStore;
use local_stack::testing::{TestNats, eventually, scaled, within};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use schemas::{Envelope, Position};
use subscription::{Fate, Leadership, Reaction, checkpoint, halts, parked};
use support::{
    NOBODY, Running, STAGE, append, deliver, parked_count, project, react, run_reaction, seen, store, until,
    up_to, working,
};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_standby_tells_how_far_the_leader_has_come() {
    let store = store().await;
    append(&store, 10).await;
    let (one, other) = (project(&store, NOBODY, &working()), project(&store, NOBODY, &working()));
    one.reached(10).await;
    other.reached(10).await;
    append(&store, 10).await;
    one.reached(20).await;
    other.reached(20).await;
    assert_eq!(seen(&store).await, up_to(20));
}

#[tokio::test]
async fn a_projection_needs_no_bus() {
    let store = store().await;
    append(&store, 600).await;
    project(&store, NOBODY, &working()).reached(600).await;
    assert_eq!(seen(&store).await, up_to(600));
}

#[tokio::test]
async fn what_the_bus_brings_and_what_it_lost_are_seen_once() {
    let store = store().await;
    let server = TestNats::start().await.unwrap();
    let bus = Bus::connect(&server.url(), "test").await.unwrap();
    bus.ensure_stream().await.unwrap();
    append(&store, 5).await;
    let running = project(&store, &server.url(), &working());
    running.reached(5).await;
    append(&store, 20).await;
    let mut lossy = store.read_all(Position::START, 100).await.unwrap();
    lossy.retain(|event| event.position.0 % 3 != 0);
    bus.publish(Tail::default(), &lossy).await.unwrap();
    running.reached(25).await;
    assert_eq!(seen(&store).await, up_to(25));
}

#[tokio::test]
async fn every_event_delivered_three_times_and_shuffled_is_seen_once() {
    let store = store().await;
    let server = TestNats::start().await.unwrap();
    Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
    let running = project(&store, &server.url(), &working());
    let count = scaled(300, 20_000);
    append(&store, count.into()).await;
    let events = store.read_all(Position::START, count as u32).await.unwrap();
    let mut events = [events.clone(), events.clone(), events].concat();
    events.shuffle(&mut StdRng::seed_from_u64(12));
    for portion in events.chunks(50) {
        deliver(&server, portion).await;
    }
    let head = count as i64;
    running.reached(head).await;
    append(&store, 1).await;
    deliver(&server, &store.read_all(Position(head), 1).await.unwrap()).await;
    running.reached(head + 1).await;
    assert_eq!(seen(&store).await, up_to(head + 1));
}

#[tokio::test]
async fn a_bus_that_brings_only_what_is_known_does_not_keep_the_stage_from_the_log() {
    let store = store().await;
    let server = TestNats::start().await.unwrap();
    Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
    append(&store, 3).await;
    let running = project(&store, &server.url(), &working());
    running.reached(3).await;
    append(&store, 2).await;
    let known = store.read_all(Position::START, 1).await.unwrap();
    let trickle = async {
        loop {
            deliver(&server, &known).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = trickle => {}
        () = running.reached(5) => {}
    }
    assert_eq!(seen(&store).await, up_to(5));
}

#[tokio::test]
async fn a_projection_that_cannot_apply_halts_says_so_and_skips_nothing() {
    let store = store().await;
    append(&store, 3).await;
    let broken = Arc::new(Mutex::new(true));
    let running = project(&store, NOBODY, &broken);
    until(|| running.progress.problem().is_some()).await;
    assert!(running.progress.problem().unwrap().contains("after position 0"));
    assert!(seen(&store).await.is_empty(), "effect and checkpoint commit together");
    eventually("the halt being told to whoever asks from outside", async || {
        let halts = halts::fresh(store.pool()).await.unwrap();
        halts.iter().any(|halt| halt.stage == STAGE && halt.reason.contains("after position 0"))
    })
    .await;
    *broken.lock().unwrap() = false;
    running.reached(3).await;
    assert_eq!((seen(&store).await, running.progress.problem()), (up_to(3), None));
    assert!(halts::fresh(store.pool()).await.unwrap().is_empty(), "it has moved since");
}

#[tokio::test]
async fn when_the_leader_dies_the_next_process_goes_on() {
    let store = store().await;
    append(&store, 3).await;
    let first = project(&store, NOBODY, &working());
    first.reached(3).await;
    let second = project(&store, NOBODY, &working());
    drop(first);
    append(&store, 3).await;
    second.reached(6).await;
    assert_eq!(seen(&store).await, up_to(6));
}

#[tokio::test]
async fn a_process_that_stops_does_not_lead_again() {
    let store = store().await;
    let stop = CancellationToken::new();
    let leadership = Leadership::acquire(store.pool(), STAGE, &stop).await.unwrap();
    stop.cancel();
    leadership.release().await;
    assert!(Leadership::acquire(store.pool(), STAGE, &stop).await.is_none());
}

#[tokio::test]
async fn a_sleeper_cannot_move_a_checkpoint_that_moved_on() {
    let store = store().await;
    checkpoint::load(store.pool(), STAGE).await.unwrap();
    let mut connection = store.pool().acquire().await.unwrap();
    checkpoint::advance(&mut connection, STAGE, Position(0), Position(4)).await.unwrap().unwrap();
    let late = checkpoint::advance(&mut connection, STAGE, Position(0), Position(2)).await.unwrap();
    assert!(late.is_err());
    assert_eq!(checkpoint::load(store.pool(), STAGE).await.unwrap().position, Position(4));
}

#[tokio::test]
async fn a_parked_event_lets_the_others_flow() {
    let store = store().await;
    append(&store, 5).await;
    let running = react(&store, NOBODY, |event| {
        Some(if event.position == Position(3) { Fate::Park("poison".into()) } else { Fate::Done })
    });
    running.reached(5).await;
    assert_eq!(parked_count(&store).await, 1);
}

#[tokio::test]
async fn an_event_that_asks_for_a_retry_gets_it() {
    let store = store().await;
    append(&store, 3).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let running = react(&store, NOBODY, move |event| {
        let again = event.position == Position(2) && counted.fetch_add(1, Ordering::SeqCst) < 2;
        Some(if again { Fate::RetryAfter(Duration::ZERO, "not yet".into()) } else { Fate::Done })
    });
    running.reached(3).await;
    until(|| tries.load(Ordering::SeqCst) == 3).await;
    assert_eq!(parked_count(&store).await, 0);
}

#[tokio::test]
async fn a_handler_that_says_stop_halts_the_stage_before_that_event_and_loses_nothing() {
    let store = store().await;
    append(&store, 5).await;
    let mended = Arc::new(AtomicUsize::new(0));
    let seen = mended.clone();
    let running = react(&store, NOBODY, move |event| {
        let stops = event.position == Position(3) && seen.load(Ordering::SeqCst) == 0;
        Some(if stops { Fate::Stop("no model".into()) } else { Fate::Done })
    });
    until(|| running.progress.problem().is_some()).await;
    assert_eq!(running.progress.problem().unwrap(), "stopped at position 3: no model");
    let stands = checkpoint::load(store.pool(), STAGE).await.unwrap();
    assert_eq!(
        (stands.position, stands.attempts),
        (Position(2), 0),
        "what came before is done, and no attempt counts"
    );
    assert_eq!(parked_count(&store).await, 0);
    mended.store(1, Ordering::SeqCst);
    running.reached(5).await;
    assert_eq!(running.progress.problem(), None);
}

#[tokio::test]
async fn a_stop_during_a_retry_keeps_the_event_waiting_and_counts_no_attempt() {
    let store = store().await;
    append(&store, 2).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let running = react(&store, NOBODY, move |event| {
        let nth = if event.position == Position(1) { counted.fetch_add(1, Ordering::SeqCst) } else { 9 };
        Some(match nth {
            0 => Fate::RetryAfter(Duration::ZERO, "not yet".into()),
            1 => Fate::Stop("no model".into()),
            _ => Fate::Done,
        })
    });
    until(|| running.progress.problem().is_some()).await;
    let waiting = parked::Filter { waiting: true, ..parked::Filter::default() };
    let found = parked::list(store.pool(), &waiting).await.unwrap();
    assert_eq!((found[0].position, found[0].attempts, found[0].due_at.is_some()), (1, 1, true));
    sqlx::raw_sql("update subscription.exceptions set due_at = clock_timestamp()")
        .execute(store.pool())
        .await
        .unwrap();
    until(|| tries.load(Ordering::SeqCst) == 3).await;
    eventually("the event being done", async || {
        parked::list(store.pool(), &waiting).await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_falls_silent_loses_the_lock_and_hears_of_it() {
    let store = store().await;
    let stop = CancellationToken::new();
    let first = Leadership::acquire(store.pool(), STAGE, &stop).await.unwrap();
    // What a paused process or a cut cable looks like from the server's side.
    let end = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    sqlx::raw_sql(end).execute(store.pool()).await.unwrap();
    within("the first leader hearing that it lost", first.lost()).await;
    within("the next leader", Leadership::acquire(store.pool(), STAGE, &stop)).await.unwrap();
}

#[tokio::test]
async fn an_event_that_always_kills_the_process_is_parked_and_the_others_flow() {
    let store = store().await;
    append(&store, 6).await;
    let mut deaths = 0;
    loop {
        let hung = Arc::new(AtomicUsize::new(0));
        let hanging = hung.clone();
        let running = react(&store, NOBODY, move |event| {
            (event.position != Position(4)).then_some(Fate::Done).or_else(|| {
                hanging.fetch_add(1, Ordering::SeqCst);
                None
            })
        });
        let progress = running.progress.clone();
        until(|| hung.load(Ordering::SeqCst) > 0 || progress.position() == Position(6)).await;
        if progress.position() == Position(6) {
            break;
        }
        deaths += 1;
        assert!(deaths < 20, "the poison is never parked");
    }
    assert_eq!(parked_count(&store).await, 1);
}

/// Keeps the order of each ticket, notes what is done, and gives the fate that a table of bad positions says.
#[derive(Clone, Default)]
struct InOrder {
    done: Arc<Mutex<Vec<i64>>>,
    bad: Arc<Mutex<Vec<(i64, Fate)>>>,
}

impl Reaction for InOrder {
    const ORDERED: bool = true;

    fn concerns(&self, _: &str) -> bool {
        true
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        let bad = self.bad.lock().unwrap();
        let fate = |event: &Envelope| {
            let known = bad.iter().find(|(position, _)| *position == event.position.0);
            known.map_or(Fate::Done, |(_, fate)| fate.clone())
        };
        let fates: Vec<_> = events.iter().map(fate).collect();
        let done = events.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Done);
        self.done.lock().unwrap().extend(done.map(|(event, _)| event.position.0));
        fates
    }
}

fn react_in_order(store: &EventStore, reaction: &InOrder) -> Running {
    run_reaction(store, NOBODY, reaction.clone())
}

#[tokio::test]
async fn later_events_of_a_ticket_wait_behind_a_parked_one_and_other_tickets_flow() {
    let store = store().await;
    // Positions 1 to 9: tickets 0, 1, 2, three times in turn.
    for _ in 0..3 {
        append(&store, 3).await;
    }
    let reaction = InOrder::default();
    *reaction.bad.lock().unwrap() = vec![(2, Fate::Park("poison".into()))];
    let running = react_in_order(&store, &reaction);
    running.reached(9).await;
    append(&store, 3).await;
    running.reached(12).await;
    let mut done = reaction.done.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!(done, [1, 3, 4, 6, 7, 9, 10, 12]);

    reaction.bad.lock().unwrap().clear();
    let every = parked::Filter::default();
    assert_eq!(parked::retry(store.pool(), &every).await.unwrap(), 1, "only the first is parked");
    until(|| reaction.done.lock().unwrap().len() == 12).await;
    assert_eq!(reaction.done.lock().unwrap()[8..], [2, 5, 8, 11]);
}

#[tokio::test]
async fn a_discarded_event_lets_those_behind_it_go_and_is_remembered() {
    let store = store().await;
    append(&store, 1).await;
    append(&store, 1).await;
    let reaction = InOrder::default();
    *reaction.bad.lock().unwrap() = vec![(1, Fate::Park("poison".into()))];
    let running = react_in_order(&store, &reaction);
    running.reached(2).await;
    let of_the_stage = parked::Filter { stage: Some(STAGE.to_owned()), ..parked::Filter::default() };
    let gone = parked::discard(store.pool(), &of_the_stage, "ada", "a test ticket").await.unwrap();
    assert_eq!(gone, 1);
    until(|| *reaction.done.lock().unwrap() == [2]).await;
    let record: (i64, String, String, String) =
        sqlx::query_as("select position, reason, discarded_by, note from subscription.discarded")
            .fetch_one(store.pool())
            .await
            .unwrap();
    assert_eq!(record, (1, "poison".into(), "ada".into(), "a test ticket".into()));
}

#[tokio::test]
async fn a_ticket_keeps_its_order_while_one_of_its_events_is_retried() {
    let store = store().await;
    for _ in 0..3 {
        append(&store, 2).await;
    }
    let reaction = InOrder::default();
    *reaction.bad.lock().unwrap() = vec![(3, Fate::RetryAfter(Duration::ZERO, "not yet".into()))];
    let running = react_in_order(&store, &reaction);
    running.reached(6).await;
    reaction.bad.lock().unwrap().clear();
    until(|| reaction.done.lock().unwrap().len() == 6).await;
    let done = reaction.done.lock().unwrap().clone();
    let of_ticket = |odd: i64| done.iter().copied().filter(|n| n % 2 == odd).collect::<Vec<_>>();
    assert_eq!((of_ticket(1), of_ticket(0)), (vec![1, 3, 5], vec![2, 4, 6]));
}
