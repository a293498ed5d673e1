//! F18: a day without Zoho costs time, and nothing else.

use chrono::TimeDelta;
use crm_sink::lane::Tick;
use zoho_mock::{CallKind, Fault, Plan, Rule};

use super::{rig::Inbox, seed, size};
use crate::desk::Desk;

/// Part of a step of the ladder by which it may be longer or shorter.
const JITTER: f64 = 0.2;

/// Until so much time has passed.
async fn live(desk: &mut Desk, time: TimeDelta) {
    let end = desk.now() + time;
    while desk.now() < end {
        match desk.tick().await {
            Tick::Worked => {}
            Tick::Idle(until) => desk.advance_to(until.map_or(end, |until| until.min(end))),
        }
    }
}

/// Half of the day nobody is there, half of it somebody answers nonsense; tickets come all day, and none waits for the CRM to
/// be taken in.
#[tokio::test]
async fn f18_a_day_without_zoho_loses_nothing_and_is_caught_up_in_full_batches() {
    let mut desk = Desk::new().await;
    let (mut inbox, each) = (Inbox::default(), size(75, 6_250));
    let mut tickets = vec![];
    let down = [Fault::CloseBefore, Fault::GatewayError].map(|fault| Rule::chance(fault, 0.5));
    let never = Rule::every(Fault::GatewayError, 1);
    desk.mock.set_faults(Plan::new(seed(), [down.as_slice(), &[never]].concat())).unwrap();
    for part in 0..8 {
        match part {
            3 => desk.proxy.stop().await,
            7 => desk.proxy.start_again().await,
            _ => {}
        }
        tickets.extend(inbox.arrive(&desk, each).await);
        live(&mut desk, TimeDelta::hours(3)).await;
    }
    assert!(desk.mock.records().is_empty(), "the outage was one");
    let during = desk.creator_calls();
    desk.mock.set_faults(Plan::default()).unwrap();
    desk.drain(5_000).await;
    desk.assert_exact(&tickets).await;
    desk.report("F18", tickets.len());
    let (calls, batches) = (desk.creator_calls() - during, tickets.len().div_ceil(200) as u64);
    eprintln!("F18: {during} calls in vain, then {calls} for {batches} batches");
    assert!(calls <= batches + 5, "{calls} calls for {batches} batches");
    assert_eq!(desk.mock.counters().violations.total(), 0);
}

/// One ticket whose requests are lost again and again, while look-ups say that it is not there: the times between a look-up
/// and the next request are those of the ladder.
#[tokio::test]
async fn f18_the_ladder_keeps_its_times() {
    let ladder = [5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0];
    for round in 0..size(2, 20) {
        let mut desk = Desk::new().await;
        let lost = Rule::every(Fault::GatewayError, 1).on([CallKind::Add]);
        desk.mock.set_faults(Plan::new(seed() + round as u64, [lost])).unwrap();
        let ticket = Inbox::default().arrive(&desk, 1).await[0];
        let (mut adds, mut looked_up, mut waits) = (0, desk.now(), vec![]);
        while desk.row(ticket).await.state != "parked" {
            if let Tick::Idle(Some(until)) = desk.tick().await {
                desk.advance_to(until);
                continue;
            }
            if desk.calls(CallKind::Add) > adds {
                adds += 1;
                waits.push((desk.now() - looked_up).as_seconds_f64());
            } else {
                looked_up = desk.now();
            }
        }
        assert_eq!((adds, waits.len(), desk.calls(CallKind::Get)), (8, 8, 8));
        for (wait, step) in waits[1..].iter().zip(ladder) {
            // And a second or two for company and for a place among the minute's calls.
            let fits = step * (1.0 - JITTER)..=step * (1.0 + JITTER) + 3.0;
            assert!(fits.contains(wait), "waited {wait} s where {step} s are due");
        }
    }
}
