//! Any schedule of faults: at most one record of a ticket at any time, exactly one once the faults stop.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use zoho_mock::{CallKind, Fault, Limits, Plan, Rule, Settings};

use super::{rig::Inbox, seed, size};
use crate::desk::{Desk, PACE};

const FAULTS: [Fault; 19] = [
    Fault::CloseBefore,
    Fault::GatewayError,
    Fault::BadToken,
    Fault::MinuteLimit,
    Fault::DailyLimit,
    Fault::Delay,
    Fault::CommitThenClose,
    Fault::CommitThenSilence,
    Fault::CommitThenError,
    Fault::CommitThenCut,
    Fault::EmptyBody,
    Fault::ErrorOccurred,
    Fault::Late,
    Fault::HalfBatch,
    Fault::ShortResult,
    Fault::ReorderedResult,
    Fault::CreatedWithError,
    Fault::ReadDelay,
    Fault::UniqueRace,
];

/// Up to six rules of any fault, often or rarely, at random or in a rhythm, alone or in bursts, short or long.
fn plan(rng: &mut StdRng) -> Plan {
    let count = rng.random_range(1..=6);
    let rules: Vec<_> = (0..count).map(|_| rule(rng)).collect();
    Plan::new(rng.random(), rules)
}

fn rule(rng: &mut StdRng) -> Rule {
    let fault = FAULTS.choose(rng).copied().unwrap_or(Fault::CommitThenClose);
    let rule = match rng.random_range(0..3) {
        0 => Rule::chance(fault, rng.random_range(0.05..0.8)),
        1 => Rule::every(fault, rng.random_range(2..6)),
        _ => Rule::at(fault, [rng.random_range(1..4), rng.random_range(4..12)]),
    };
    let rule = rule.burst(rng.random_range(1..=3));
    let calls = [CallKind::Add, CallKind::Get];
    let rule = if fault.can_befall(CallKind::Get) { rule.on(calls) } else { rule };
    match fault {
        Fault::Delay | Fault::CommitThenSilence => rule.seconds(0.01),
        // A race is one of the same moment: longer, and it would be a form without unique fields.
        Fault::UniqueRace => rule,
        _ => rule.seconds(f64::from(rng.random_range(1..400))),
    }
}

async fn run(seed: u64) -> u64 {
    let limits = Limits { per_day: 0, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let mut desk = Desk::with(settings, PACE, &["--zoho-daily-calls=1000000"]).await;
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut inbox, mut tickets) = (Inbox::default(), vec![]);
    for _ in 0..4 {
        desk.mock.set_faults(plan(&mut rng)).unwrap();
        for _ in 0..3 {
            let count = rng.random_range(1..6);
            tickets.extend(inbox.arrive(&desk, count).await);
            desk.steps(rng.random_range(1..12)).await;
            if rng.random_bool(0.3) {
                desk.restart().await;
            }
            desk.assert_none_twice();
        }
    }
    desk.calm().await;
    desk.drain(500).await;
    desk.assert_exact(&tickets).await;
    assert_eq!(desk.mock.counters().violations.total(), 0);
    desk.mock.counters().faults.values().sum()
}

#[tokio::test]
async fn f15_any_schedule_of_faults_ends_with_one_record_each() {
    let mut hits = 0;
    let seeds = seed()..seed() + size(4, 300) as u64;
    for seed in seeds.clone() {
        eprintln!("CHAOS_SEED={seed}");
        hits += run(seed).await;
    }
    eprintln!("F15 schedules: {} schedules, {hits} faults", seeds.count());
    assert!(hits > 0);
}
