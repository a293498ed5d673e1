//! Calls are few: they are counted, saved, and spent on what matters most.

use std::time::Duration;

use chrono::TimeDelta;
use crm_sink::{
    destination::{Destination as _, NoPermit, Purpose},
    lane::Pace,
    zoho::budget::Budget,
};
use schemas::analysis::Priority;
use zoho_mock::{CallKind, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

const PATIENT: Pace = Pace { longest_linger: Duration::from_mins(5), ..PACE };

async fn take(desk: &Desk, purpose: Purpose) -> Result<(), NoPermit> {
    // A call's worth of the minute's bucket.
    desk.clock.advance(TimeDelta::milliseconds(1500));
    desk.client.budget().take(purpose, desk.now()).await
}

#[tokio::test]
async fn requests_follow_each_other_the_more_slowly_the_fewer_calls_are_left() {
    let mut desk = Desk::with(Settings::default(), PATIENT, &["--zoho-daily-calls=250"]).await;
    let forecast = desk.client.forecast(desk.now()).await.unwrap().unwrap();
    let expected = (forecast.reset_in.as_secs_f64() / (0.75 * 250.0)).clamp(1.0, 300.0);
    let began = desk.now();
    let mut tickets = vec![];
    for _ in 0..2 {
        tickets.push(desk.writer.prioritised("Network", Priority::Low).await);
        desk.take_in().await;
        desk.settle_once().await;
        desk.restart().await;
        let waited = (desk.now() - began).as_seconds_f64();
        let first = tickets.len() == 1;
        assert!(if first { waited == 0.0 } else { waited >= expected }, "{waited} s of {expected} s");
    }
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn an_urgent_ticket_buys_a_call_of_its_own_as_long_as_there_are_such() {
    let flags = ["--zoho-daily-calls=1", "--zoho-early-flushes=1"];
    let mut desk = Desk::with(Settings::default(), PATIENT, &flags).await;
    // Nothing is left for sending: only the linger counts here.
    let now = desk.now();
    assert!(desk.client.may_flush_early(now).await.unwrap());
    assert!(!desk.client.may_flush_early(now).await.unwrap());
    desk.restart().await;
    assert!(!desk.client.may_flush_early(now).await.unwrap(), "a restart buys none");
    assert!(desk.client.may_flush_early(now + TimeDelta::days(1)).await.unwrap(), "the next day does");
}

#[tokio::test]
async fn each_purpose_leaves_its_share_to_those_that_matter_more() {
    let desk = Desk::with(Settings::default(), PACE, &["--zoho-daily-calls=20"]).await;
    let mut last = vec![];
    for purpose in [Purpose::Update, Purpose::Send, Purpose::LookUp, Purpose::Reconcile, Purpose::People] {
        let mut calls = 0;
        while take(&desk, purpose).await.is_ok() {
            calls += 1;
        }
        last.push(calls);
    }
    assert_eq!(last, [10, 5, 3, 1, 1], "50, 75, 90, 95 and 100 of 100");
}

#[tokio::test]
async fn a_day_ends_at_midnight_of_the_account() {
    let flags = ["--zoho-daily-calls=2", "--zoho-time-zone=Asia/Kolkata"];
    let desk = Desk::with(Settings::default(), PACE, &flags).await;
    while take(&desk, Purpose::People).await.is_ok() {}
    let Err(NoPermit::NotBefore(midnight)) = take(&desk, Purpose::People).await else {
        panic!("a third call")
    };
    assert_eq!(midnight.format("%T").to_string(), "18:30:00", "midnight in Kolkata");
    desk.advance_to(midnight);
    assert!(desk.client.budget().take(Purpose::People, midnight).await.is_ok());
    assert!(midnight - desk.now() <= TimeDelta::hours(24));
}

#[tokio::test]
async fn a_time_zone_nobody_knows_is_an_error() {
    let desk = Desk::with(Settings::default(), PACE, &["--zoho-time-zone=Mars/Olympus"]).await;
    assert!(desk.client.budget().check_zone().await.is_err());
}

#[tokio::test]
async fn once_zoho_says_the_day_is_over_one_call_in_half_an_hour_asks_again() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(2).await;
    for _ in 0..3 {
        desk.proxy.spoil_add(Fault::Answer(200, r#"{"code":4000,"description":"Developer API limit"}"#));
    }
    let start = desk.now();
    desk.settle().await;
    let took = desk.now() - start;
    assert!((TimeDelta::minutes(90)..TimeDelta::minutes(92)).contains(&took), "{took}");
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn a_restart_forgets_no_call() {
    let mut desk = Desk::with(Settings::default(), PACE, &["--zoho-daily-calls=40"]).await;
    let mut tickets = vec![];
    for _ in 0..12 {
        tickets.push(desk.ticket().await);
        desk.settle_once().await;
        desk.restart().await;
    }
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.mock.counters().violations.total(), 0);
    let counted: i64 = sqlx::query_scalar("select sum(calls) from crm.calls where purpose = 'send'")
        .fetch_one(desk.pool())
        .await
        .unwrap();
    assert_eq!(counted as u64, desk.calls(CallKind::Add));
}

/// A crash loop that makes a call each time: the bucket of the minute is in the database too.
#[tokio::test]
async fn a_crash_loop_breaks_no_limit() {
    let desk = Desk::new().await;
    let (mut calls, start) = (0, desk.now());
    while desk.now() - start < TimeDelta::seconds(60) {
        let fresh = Budget::new(desk.pool().clone(), 1000, 0, "UTC".into());
        if fresh.take(Purpose::Send, desk.now()).await.is_ok() {
            calls += 1;
        }
        desk.clock.advance(TimeDelta::milliseconds(500));
    }
    assert!((35..=45).contains(&calls), "{calls} calls in a minute");
}
