//! F17: access tokens are drawn so rarely that not even a crash loop locks the account out.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use zoho_mock::{CallKind, Fault, Plan, Rule, Settings};

use super::{seed, size};
use crate::desk::{Desk, PACE};

/// When a token was asked for, on the mock's clock.
#[derive(Default)]
struct Askings(Vec<DateTime<Utc>>);

impl Askings {
    fn note(&mut self, desk: &Desk) {
        let new = desk.calls(CallKind::Token) as usize - self.0.len();
        self.0.extend(std::iter::repeat_n(desk.now(), new));
    }

    /// Most within any ten minutes.
    fn most(&self) -> usize {
        let window = TimeDelta::minutes(10);
        let from =
            |start: &DateTime<Utc>| self.0.iter().filter(|at| (*start..*start + window).contains(at)).count();
        self.0.iter().map(from).max().unwrap_or_default()
    }
}

/// An hour in which a process starts, wants a token, and dies, over and over.
async fn crash_loop(desk: &mut Desk, restarts: usize, patience: Duration) -> Askings {
    let (mut askings, step) = (Askings::default(), TimeDelta::hours(1) / restarts as i32);
    for _ in 0..restarts {
        desk.restart().await;
        let now = desk.now();
        // Where the answer does not come in time the process dies while it asks.
        let _ = tokio::time::timeout(patience, desk.client.tokens().get(now)).await;
        askings.note(desk);
        desk.clock.advance(step);
    }
    askings
}

const PATIENT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn f17_a_thousand_restarts_in_an_hour_cost_two_tokens() {
    let mut desk = Desk::new().await;
    let restarts = size(50, 1_000);
    let askings = crash_loop(&mut desk, restarts, PATIENT).await;
    eprintln!("F17: {restarts} restarts, {} tokens", askings.0.len());
    assert!((1..=2).contains(&askings.0.len()), "{} tokens", askings.0.len());
    assert_eq!(desk.mock.counters().violations.refresh, 0);
}

#[tokio::test]
async fn f17_tokens_that_never_work_are_drawn_at_most_five_times_in_ten_minutes() {
    let mut desk = Desk::new().await;
    desk.mock.set_faults(Plan::new(seed(), [Rule::every(Fault::BadToken, 1)])).unwrap();
    let ticket = desk.ticket().await;
    let (start, mut askings, mut restarts) = (desk.now(), Askings::default(), 0);
    while desk.now() - start < TimeDelta::hours(1) {
        desk.steps(3).await;
        askings.note(&desk);
        desk.restart().await;
        restarts += 1;
        desk.clock.advance(TimeDelta::seconds(if size(0, 1) == 0 { 20 } else { 3 }));
    }
    eprintln!(
        "F17: refused by Creator, {restarts} restarts: {} tokens, at most {} in 10 min",
        askings.0.len(),
        askings.most()
    );
    assert!(desk.hits(Fault::BadToken) > 1 && askings.most() <= 5, "{} in ten minutes", askings.most());
    desk.calm().await;
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
}

/// The process dies between asking and writing the token down: the next one does not know the token, but knows that one was
/// asked for.
#[tokio::test]
async fn f17_processes_that_die_while_they_ask_do_not_lock_the_account_out() {
    let mut desk = Desk::new().await;
    let silent = Rule::every(Fault::CommitThenSilence, 1).on([CallKind::Token]).seconds(10.0);
    desk.mock.set_faults(Plan::new(seed(), [silent])).unwrap();
    let restarts = size(40, 1_000);
    let askings = crash_loop(&mut desk, restarts, Duration::from_millis(100)).await;
    eprintln!(
        "F17: killed while asking, {restarts} restarts: {} tokens, at most {} in 10 min",
        askings.0.len(),
        askings.most()
    );
    assert!(
        desk.hits(Fault::CommitThenSilence) > 5 && askings.most() <= 5,
        "{} in ten minutes",
        askings.most()
    );
    assert_eq!(desk.mock.counters().violations.refresh, 0);
}

#[tokio::test]
async fn f17_a_lockout_is_waited_out_whatever_restarts() {
    let mut desk = Desk::new().await;
    let denied = [Rule::every(Fault::AccessDenied, 2), Rule::every(Fault::AccessDeniedOk, 1)];
    // The second one in the other form of HTTP.
    desk.mock.set_faults(Plan::new(seed(), denied)).unwrap();
    let askings = crash_loop(&mut desk, size(40, 1_000), PATIENT).await;
    let apart = askings.0.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    eprintln!("F17: locked out: {} askings, {} min apart", askings.0.len(), apart.num_minutes());
    assert!(apart >= TimeDelta::minutes(10), "asked again after {apart}");
}

#[tokio::test]
async fn f17_a_refused_refresh_token_is_tried_once_and_told() {
    let mut desk = Desk::with(Settings::default(), PACE, &["--zoho-refresh-token=revoked"]).await;
    let ticket = desk.ticket().await;
    let askings = crash_loop(&mut desk, size(40, 1_000), PATIENT).await;
    desk.steps(5).await;
    assert_eq!((askings.0.len(), desk.calls(CallKind::Token), desk.calls(CallKind::Add)), (1, 1, 0));
    assert!(desk.client.tokens().problem().unwrap().contains("refresh token"), "told");
    assert_eq!(desk.fate(ticket).await, ("pending".into(), None, 0));
}
