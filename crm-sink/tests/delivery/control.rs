//! What operators tell the lane, and what it does not forget.

use chrono::TimeDelta;
use crm_sink::{
    brake::Breaker,
    control,
    lane::Tick,
    operator::{self, Chosen},
};
use zoho_mock::CallKind;

use crate::{desk::Desk, proxy::Fault};

const NO_FORM: Fault = Fault::Answer(404, r#"{"code":2893,"message":"no form"}"#);

#[tokio::test]
async fn a_paused_lane_sends_nothing_until_it_is_resumed() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    control::pause(desk.pool(), "zoho", "ops", Some("the form is being rebuilt"), desk.now()).await.unwrap();
    desk.clock.advance(TimeDelta::seconds(10));
    assert!(matches!(desk.tick().await, Tick::Idle(Some(_))));
    desk.restart().await;
    assert!(matches!(desk.tick().await, Tick::Idle(Some(_))), "a restart does not resume it");
    let standing = operator::standing(desk.pool(), "zoho").await.unwrap();
    let (by, _, note) = standing.paused.unwrap();
    assert_eq!((by.as_str(), note.as_deref()), ("ops", Some("the form is being rebuilt")));
    assert_eq!((standing.backlog.pending, desk.calls(CallKind::Add)), (1, 0));
    assert!(control::resume(desk.pool(), "zoho").await.unwrap());
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
}

#[tokio::test]
async fn an_open_breaker_outlives_the_process_and_a_person_closes_it() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.proxy.spoil_add(NO_FORM);
    desk.settle_once().await;
    desk.restart().await;
    desk.clock.advance(TimeDelta::seconds(100));
    assert!(matches!(desk.tick().await, Tick::Idle(Some(_))));
    assert_eq!(desk.calls(CallKind::Add), 0, "it never reached the mock, and was not tried again");
    let standing = operator::standing(desk.pool(), "zoho").await.unwrap();
    let (breaker, _, needs_a_person) = standing.breaker.unwrap();
    assert_eq!((breaker.as_str(), needs_a_person), (Breaker::Config.name(), true));
    assert!(control::resume(desk.pool(), "zoho").await.unwrap());
    sqlx::raw_sql("update crm.delivery set due_at = due_at - interval '1 hour'")
        .execute(desk.pool())
        .await
        .unwrap();
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    assert!(operator::standing(desk.pool(), "zoho").await.unwrap().breaker.is_none());
}

#[tokio::test]
async fn after_an_outage_one_record_goes_ahead() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(5).await;
    desk.proxy.spoil_add(NO_FORM);
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.calls(CallKind::Add), 2, "one record, then the others");
}

#[tokio::test]
async fn what_is_parked_is_retried_or_discarded_on_the_record() {
    let mut desk = Desk::new().await;
    let (one, other) = (desk.writer.analyzed("Plumbing").await, desk.writer.analyzed("Plumbing").await);
    desk.take_in().await;
    desk.settle().await;
    let chosen = |ticket| Chosen { ticket: Some(ticket), ..Chosen::default() };
    let pool = desk.pool().clone();
    assert_eq!(operator::parked(&pool, "zoho", &Chosen::default()).await.unwrap().len(), 2);
    let other_reason = Chosen { reason: Some("3002".into()), ..Chosen::default() };
    assert!(operator::parked(&pool, "zoho", &other_reason).await.unwrap().is_empty());

    desk.writer.corrected(one, schemas::work::Decision::Category, "Cloud").await;
    assert_eq!(operator::retry(&pool, "zoho", &chosen(one)).await.unwrap(), 1);
    assert_eq!(operator::discard(&pool, "zoho", &chosen(other), "ops", "a test ticket").await.unwrap(), 1);
    desk.settle().await;
    desk.assert_one_record_each(&[one]).await;
    assert_eq!(desk.text_of(one, "Category").as_deref(), Some("Cloud"));
    assert_eq!(desk.row(other).await.state, "discarded");
    assert!(operator::parked(&pool, "zoho", &Chosen::default()).await.unwrap().is_empty());
    let note: String = sqlx::query_scalar("select decided_note from crm.delivery where decided_by = 'ops'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(note, "a test ticket");
}
