//! F15: with a fifth of all calls spoilt in every way, the set of records is the set of tickets, none twice, none given
//! up.

use std::io::Write as _;

use zoho_mock::{CallKind, Fault, Form, Limits, Plan, Rule, Settings};

use super::{rig::Inbox, seed, size};
use crate::desk::{Desk, PACE};

/// Of all calls.
const SHARE: f64 = 0.2;

/// What can befall any call of Creator.
const OF_ANY_CALL: [Fault; 12] = [
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
];
/// What can befall Add Records besides.
const OF_ADD: [Fault; 7] = [
    Fault::Late,
    Fault::HalfBatch,
    Fault::ShortResult,
    Fault::ReorderedResult,
    Fault::CreatedWithError,
    Fault::ReadDelay,
    Fault::UniqueRace,
];
const OF_TOKEN: [Fault; 4] =
    [Fault::AccessDenied, Fault::AccessDeniedOk, Fault::CloseBefore, Fault::GatewayError];

/// Faults for a share of the calls of each kind, all of them alike.
pub(crate) fn shared(faults: &[Fault], calls: &[CallKind], share: f64) -> Vec<Rule> {
    let rules = calls.iter().map(|call| {
        let able: Vec<_> = faults.iter().filter(|fault| fault.can_befall(*call)).collect();
        let chance = 1.0 - (1.0 - share).powf(1.0 / able.len() as f64);
        able.into_iter().map(|fault| soon(Rule::chance(*fault, chance).on([*call]))).collect::<Vec<_>>()
    });
    rules.flatten().collect()
}

/// Faults that take real time take little of it.
fn soon(rule: Rule) -> Rule {
    match rule.fault {
        Fault::Delay | Fault::CommitThenSilence => rule.seconds(0.01),
        _ => rule,
    }
}

fn every_fault() -> Vec<Rule> {
    let of_creator = [OF_ADD.as_slice(), &OF_ANY_CALL].concat();
    let of_creator = shared(&of_creator, &[CallKind::Add, CallKind::Get], SHARE);
    [of_creator, shared(&OF_TOKEN, &[CallKind::Token], SHARE)].concat()
}

/// A day's calls are no limit here: 100,000 tickets take more than a day's worth of trouble.
fn account() -> Settings {
    Settings { limits: Limits { per_day: 0, ..Limits::default() }, ..Settings::default() }
}

/// Tickets come while the faults are on, a few steps at a time; then everything comes to rest with them still on.
async fn endure(desk: &mut Desk, rules: Vec<Rule>, rounds: usize, each: usize) -> usize {
    let (mut inbox, mut tickets) = (Inbox::default(), vec![]);
    desk.mock.set_faults(Plan::new(seed(), rules)).unwrap();
    for round in 0..rounds {
        tickets.extend(inbox.arrive(desk, each).await);
        desk.steps(4).await;
        if round % 10 == 0 {
            desk.restart().await;
            desk.assert_none_twice();
        }
    }
    desk.drain(50 * rounds + 500).await;
    desk.calm().await;
    desk.drain(500).await;
    desk.assert_exact(&tickets).await;
    tickets.len()
}

#[tokio::test]
async fn f15_a_fifth_of_all_calls_spoilt_in_every_way_leaves_one_record_each() {
    let mut desk = Desk::with(account(), PACE, &["--zoho-daily-calls=1000000"]).await;
    let tickets = endure(&mut desk, every_fault(), size(90, 500), size(5, 200)).await;
    desk.report("F15", tickets);
    let met = OF_ANY_CALL.iter().chain(&OF_ADD).filter(|fault| desk.hits(**fault) > 0).count();
    assert!(met >= size(10, OF_ANY_CALL.len() + OF_ADD.len()), "only {met} kinds of faults were met");
    assert_eq!(desk.mock.counters().violations.total(), 0);
}

/// Somebody forgot to tick "No duplicate values": the form no longer catches what the sink repeats. As long as no request
/// runs after it was looked for, and every row is shown, looking before sending again is enough by itself.
#[tokio::test]
async fn f15_holds_without_the_forms_help_when_nothing_comes_late() {
    let mut form = Form::tickets();
    form.fields[0].unique = false;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&serde_json::to_vec(&form).unwrap()).unwrap();
    let settings = Settings { form_file: Some(file.path().to_owned()), ..account() };
    let mut desk = Desk::with(settings, PACE, &["--zoho-daily-calls=1000000"]).await;
    let honest: Vec<_> = every_fault()
        .into_iter()
        .filter(|rule| !matches!(rule.fault, Fault::Late | Fault::ReadDelay))
        .collect();
    let tickets = endure(&mut desk, honest, size(60, 200), size(5, 200)).await;
    desk.report("F15 without unique ids", tickets);
}
