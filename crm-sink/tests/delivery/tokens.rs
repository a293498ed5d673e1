//! Access tokens are drawn sparingly.

use chrono::TimeDelta;
use crm_sink::lane::Tick;
use secrecy::ExposeSecret as _;
use zoho_mock::{CallKind, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

const DEAD: Fault = Fault::Answer(401, r#"{"code":1030,"description":"Authorization Failure."}"#);

#[tokio::test]
async fn many_batches_need_one_token() {
    let mut desk = Desk::new().await;
    let mut tickets = vec![];
    for _ in 0..60 {
        tickets.push(desk.ticket().await);
        desk.settle().await;
    }
    desk.assert_one_record_each(&tickets).await;
    assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Token)), (60, 1));
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end() {
    let mut desk = Desk::new().await;
    desk.ticket().await;
    desk.settle().await;
    desk.clock.advance(TimeDelta::seconds(3400));
    desk.ticket().await;
    desk.settle().await;
    assert_eq!(desk.calls(CallKind::Token), 2);
    assert_eq!(desk.mock.counters().answers.get(&1030), None, "no call met the end of its token");
}

#[tokio::test]
async fn a_token_that_dies_early_is_replaced_once_and_the_call_repeated_once() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let start = desk.now();
    desk.proxy.spoil_add(DEAD);
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    assert_eq!((desk.calls(CallKind::Token), desk.calls(CallKind::Add)), (2, 1));
    assert!(desk.now() - start >= TimeDelta::seconds(60), "tokens are drawn a minute apart");
    assert_eq!(desk.fate(ticket).await, ("delivered".into(), Some("posted".into()), 1));
}

#[tokio::test]
async fn tokens_that_are_never_accepted_are_not_drawn_without_end() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    (0..12).for_each(|_| desk.proxy.spoil_add(DEAD));
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    assert!(desk.calls(CallKind::Token) <= 13);
}

#[tokio::test]
async fn refused_credentials_are_tried_once_and_said_so() {
    let mut desk = Desk::with(Settings::default(), PACE, &["--zoho-refresh-token=revoked"]).await;
    let ticket = desk.ticket().await;
    for _ in 0..50 {
        let Tick::Idle(Some(until)) = desk.tick().await else { panic!("nothing can be done") };
        desk.advance_to(until);
    }
    assert_eq!((desk.calls(CallKind::Token), desk.calls(CallKind::Add)), (1, 0));
    assert!(desk.client.tokens().problem().unwrap().contains("refresh token"));
    assert_eq!(desk.fate(ticket).await, ("pending".into(), None, 0));
}

/// `CRM_RESTARTS=1000` for the full hour.
#[tokio::test]
async fn restarts_cost_no_tokens() {
    let restarts = std::env::var("CRM_RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let mut desk = Desk::new().await;
    let step = TimeDelta::hours(1) / restarts;
    for _ in 0..restarts {
        desk.restart().await;
        assert!(desk.client.tokens().get(desk.now()).await.is_ok());
        desk.clock.advance(step);
    }
    assert!(desk.calls(CallKind::Token) <= 2, "{} tokens", desk.calls(CallKind::Token));
    assert_eq!(desk.mock.counters().violations.refresh, 0);
}

#[tokio::test]
async fn a_crash_loop_against_refused_credentials_asks_once() {
    let mut desk = Desk::with(Settings::default(), PACE, &["--zoho-refresh-token=revoked"]).await;
    for _ in 0..20 {
        desk.restart().await;
        assert!(desk.client.tokens().get(desk.now()).await.is_err());
        desk.clock.advance(TimeDelta::minutes(2));
    }
    assert_eq!(desk.calls(CallKind::Token), 1);
}

#[tokio::test]
async fn two_processes_that_need_a_token_draw_one() {
    let mut desk = Desk::new().await;
    let first = desk.client.clone();
    desk.restart().await;
    let (now, second) = (desk.now(), desk.client.clone());
    let (one, other) = tokio::join!(first.tokens().get(now), second.tokens().get(now));
    assert!(one.is_ok() || other.is_ok());
    for client in [first, second] {
        assert!(client.tokens().get(now).await.is_ok(), "the one that came second finds the first one's");
    }
    assert_eq!(desk.calls(CallKind::Token), 1);
}

#[tokio::test]
async fn a_token_in_the_database_is_not_in_clear_text() {
    let mut desk = Desk::new().await;
    desk.ticket().await;
    desk.settle().await;
    let token = desk.client.tokens().get(desk.now()).await.unwrap();
    let kept: Vec<u8> =
        sqlx::query_scalar("select ciphertext from crm.oauth_token").fetch_one(desk.pool()).await.unwrap();
    let token = token.expose_secret().as_bytes();
    assert!(!kept.windows(token.len()).any(|window| window == token));
    assert!(!kept.windows(8).any(|window| window == &token[5..13]));
}
