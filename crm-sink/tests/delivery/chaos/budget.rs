//! F16: as few calls as batches need, and never one too many in a minute, at once, or in a day.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use crm_sink::lane::{Pace, Tick};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zoho_mock::{CallKind, Fault, Limits, Plan, Rule, Settings};

use super::{exactness::shared, rig::Inbox, seed, size};
use crate::desk::{Desk, PACE};

/// What leaves a call open.
const AMBIGUOUS: [Fault; 6] = [
    Fault::CommitThenClose,
    Fault::CommitThenError,
    Fault::CommitThenCut,
    Fault::EmptyBody,
    Fault::CloseBefore,
    Fault::HalfBatch,
];

/// One call in ten, the faults in turn.
fn one_in_ten() -> Vec<Rule> {
    let period = 10 * AMBIGUOUS.len() as u64;
    let turn = |(n, fault): (usize, &Fault)| {
        let calls: Vec<u64> = (0..200).map(|round| 10 * (n as u64 + 1) + round * period).collect();
        Rule::at(*fault, calls).on([CallKind::Add])
    };
    AMBIGUOUS.iter().enumerate().map(turn).collect()
}

#[tokio::test]
async fn f16_ten_percent_lost_answers_cost_less_than_thirty_percent_more_calls() {
    let mut desk = Desk::new().await;
    let tickets = Inbox::default().arrive(&desk, size(2_000, 40_000)).await;
    desk.mock.set_faults(Plan::new(seed(), one_in_ten())).unwrap();
    desk.drain(5_000).await;
    desk.assert_exact(&tickets).await;
    desk.report("F16 calls", tickets.len());
    let batches = tickets.len().div_ceil(200) as u64;
    let (calls, ambiguous) = (desk.creator_calls(), desk.mock.counters().faults.values().sum::<u64>());
    eprintln!("F16 calls: {calls} for {batches} batches, {ambiguous} ambiguous");
    assert!(ambiguous * 20 >= batches, "{ambiguous} ambiguous calls are too few to prove anything");
    assert!(calls * 10 <= batches * 13, "{calls} calls for {batches} batches");
    assert_eq!(desk.mock.counters().violations.total(), 0);
}

/// A day of an account with few calls: a steady trickle, now and then a crowd, and a tenth of the calls ambiguous.
struct Day {
    desk: Desk,
    inbox: Inbox,
    rng: StdRng,
    tickets: Vec<schemas::TicketId>,
}

impl Day {
    async fn begin(calls: usize) -> Self {
        let limits = Limits { per_day: calls as u32, ..Limits::default() };
        let pace = Pace { longest_linger: Duration::from_mins(5), ..PACE };
        let flag = format!("--zoho-daily-calls={calls}");
        let desk = Desk::with(Settings { limits, ..Settings::default() }, pace, &[&flag]).await;
        let rules = shared(&AMBIGUOUS, &[CallKind::Add, CallKind::Get], 0.1);
        desk.mock.set_faults(Plan::new(seed(), rules)).unwrap();
        Self { desk, inbox: Inbox::default(), rng: StdRng::seed_from_u64(seed()), tickets: vec![] }
    }

    /// The lane goes on until then, with a restart now and then.
    async fn until(&mut self, time: DateTime<Utc>) {
        while self.desk.now() < time {
            match self.desk.tick().await {
                Tick::Worked => {}
                Tick::Idle(until) => self.desk.advance_to(until.map_or(time, |until| until.min(time))),
            }
        }
        if self.rng.random_bool(0.1) {
            self.desk.restart().await;
        }
    }

    async fn arrive(&mut self) {
        let crowd = if self.rng.random_bool(0.03) { 30 } else { 0 };
        let count = crowd + self.rng.random_range(0..3);
        self.tickets.extend(self.inbox.arrive(&self.desk, count).await);
    }
}

#[tokio::test]
async fn f16_a_day_of_trouble_breaks_no_limit() {
    let (calls, arrivals) = (size(60, 600), size(150, 1_500));
    let mut day = Day::begin(calls).await;
    let (start, step) = (day.desk.now(), TimeDelta::hours(24) / arrivals as i32);
    let mut most_in_a_minute = 0;
    for n in 1..=arrivals {
        day.arrive().await;
        let before = day.desk.creator_calls();
        day.until(start + step * n as i32).await;
        most_in_a_minute = most_in_a_minute.max(day.desk.creator_calls() - before);
    }
    assert!(day.desk.now() - start >= TimeDelta::hours(23), "a day on the mock's clock");
    let used = day.desk.creator_calls();
    day.desk.calm().await;
    day.desk.drain(5_000).await;
    day.desk.assert_exact(&day.tickets).await;
    day.desk.report("F16 day", day.tickets.len());
    let counters = day.desk.mock.counters();
    eprintln!(
        "F16 day: {used} calls of {calls} a day, at most {most_in_a_minute} between two arrivals, peak {} at once",
        counters.peak_in_flight
    );
    assert_eq!(counters.violations.total(), 0, "{:?}", counters.violations);
    assert!(counters.peak_in_flight <= 2);
    assert!(counters.faults.values().sum::<u64>() > 0, "no fault was met");
}

/// Tickets that come one by one, faster than calls may follow each other, to a lane that waits for nobody.
#[tokio::test]
async fn f16_a_rush_breaks_no_minute() {
    let pace = Pace { linger: Duration::ZERO, longest_linger: Duration::ZERO, ..PACE };
    let mut desk = Desk::with(Settings::default(), pace, &[]).await;
    let (mut inbox, mut tickets) = (Inbox::default(), vec![]);
    for n in 0..size(100, 700) {
        tickets.extend(inbox.arrive(&desk, 1).await);
        desk.tick().await;
        if n % 20 == 0 {
            desk.restart().await;
        }
        desk.clock.advance(TimeDelta::milliseconds(300));
    }
    desk.drain(500).await;
    desk.assert_exact(&tickets).await;
    eprintln!("F16 rush: {} tickets one by one in {} calls", tickets.len(), desk.creator_calls());
    assert_eq!(desk.mock.counters().violations.total(), 0);
}
