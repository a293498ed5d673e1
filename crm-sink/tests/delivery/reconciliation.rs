//! Comparing what the CRM holds with what we believe it holds.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use crm_sink::{
    destination::{Destination as _, Parcel},
    operator,
    reconciliation::{self, Findings},
};
use schemas::{TicketEvent, TicketId};
use serde_json::{json, value::to_raw_value};
use zoho_mock::CallKind;

use crate::{desk::Desk, proxy::Fault};

impl Desk {
    async fn reconcile(&mut self) -> Findings {
        let run = reconciliation::ask(self.pool(), "zoho", "ops", None, self.now()).await.unwrap();
        self.settle().await;
        let comparison = operator::standing(self.pool(), "zoho").await.unwrap().comparison.unwrap();
        assert_eq!((comparison.id, comparison.asked_by.as_str()), (run, "ops"));
        assert!(comparison.finished_at.is_some());
        comparison.findings
    }

    async fn add_by_hand(&self, ticket_id: &str) {
        let record = to_raw_value(&json!({"Ticket_ID": ticket_id})).unwrap();
        let parcel = Parcel { ticket: TicketId::new(1.into()), key: String::new(), record };
        self.client.create(self.permit().await, &[parcel]).await;
    }
}

#[tokio::test]
async fn what_agrees_takes_one_call_and_finds_nothing() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(5).await;
    desk.settle().await;
    assert_eq!(desk.reconcile().await, Findings::default());
    assert_eq!(desk.calls(CallKind::Get), 1);
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn what_is_missing_is_delivered_anew() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(4).await;
    desk.settle().await;
    let lost = desk.row(tickets[1]).await.record_id.unwrap();
    desk.delete_record(&lost).await;
    // The work list is settled by the database's clock, which is an hour behind the test's.
    let findings = desk.reconcile().await;
    assert_eq!(findings, Findings { missing: 1, ..Findings::default() });
    desk.settle().await;
    assert_eq!(desk.mock.records().len(), 4);
    let row = desk.row(tickets[1]).await;
    assert_eq!(row.state, "delivered");
    assert_ne!(row.record_id, Some(lost));
    let events = desk.crm_events(tickets[1]).await;
    assert!(
        matches!(
            events.as_slice(),
            [
                TicketEvent::CrmRecordCreated(_),
                TicketEvent::CrmRecordLost(_),
                TicketEvent::CrmRecordCreated(_)
            ]
        ),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_record_that_a_page_left_out_is_not_missing() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(2).await;
    desk.settle().await;
    desk.proxy.spoil_find(Fault::Answer(400, r#"{"code":9280,"message":"No records found."}"#));
    assert_eq!(desk.reconcile().await, Findings::default());
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn unknown_records_are_reported_and_left_alone() {
    let mut desk = Desk::new().await;
    desk.tickets(2).await;
    desk.settle().await;
    desk.add_by_hand("added by hand").await;
    let findings = desk.reconcile().await;
    assert_eq!(findings, Findings { unknown: 1, ..Findings::default() });
    let run = operator::standing(desk.pool(), "zoho").await.unwrap().comparison.unwrap().id;
    let found = operator::findings(desk.pool(), run, 10).await.unwrap();
    assert_eq!((found[0].0.as_str(), found[0].2.as_str()), ("unknown", "added by hand"));
    assert_eq!(desk.mock.records().len(), 3);
}

#[tokio::test]
async fn a_ticket_that_was_given_up_although_its_record_exists_is_settled() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.add_by_hand(&ticket.to_string()).await;
    sqlx::raw_sql(
        "update crm.delivery set state = 'parked', reason = 'given up', settled_at = clock_timestamp()",
    )
    .execute(desk.pool())
    .await
    .unwrap();
    let findings = desk.reconcile().await;
    assert_eq!(findings, Findings { recovered: 1, ..Findings::default() });
    desk.assert_one_record_each(&[ticket]).await;
}

#[tokio::test]
async fn a_run_goes_on_after_a_restart_and_survives_faults() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.settle().await;
    desk.delete_record(&desk.row(tickets[0]).await.record_id.unwrap()).await;
    reconciliation::ask(desk.pool(), "zoho", "ops", None, desk.now()).await.unwrap();
    for fault in [Fault::CutAfter, Fault::Answer(200, r#"{"code":4000,"description":"limit"}"#)] {
        desk.proxy.spoil_find(fault);
        desk.settle_once().await;
        desk.restart().await;
    }
    desk.settle_once().await;
    desk.restart().await;
    desk.settle().await;
    assert_eq!(desk.mock.records().len(), 3);
    assert_eq!(desk.row(tickets[0]).await.state, "delivered");
}

/// The first one that lies tomorrow, in UTC.
fn noon_in_kolkata(now: DateTime<Utc>) -> DateTime<Utc> {
    (now + TimeDelta::days(1)).date_naive().and_time(NaiveTime::from_hms_opt(6, 30, 0).unwrap()).and_utc()
}

async fn ask_if_due(desk: &mut Desk) -> bool {
    let asked =
        reconciliation::schedule(desk.pool(), "zoho", "Asia/Kolkata", 3, 7, desk.now()).await.unwrap();
    if asked {
        desk.settle().await;
    }
    asked
}

#[tokio::test]
async fn the_nightly_run_is_asked_for_once_a_night() {
    let mut desk = Desk::new().await;
    desk.ticket().await;
    desk.settle().await;
    // From noon on, and after the run that may be due by then: two days must hold two nights whenever this runs.
    desk.advance_to(noon_in_kolkata(desk.now()));
    ask_if_due(&mut desk).await;
    let mut asked = 0;
    for _ in 0..48 {
        desk.clock.advance(TimeDelta::hours(1));
        asked += i32::from(ask_if_due(&mut desk).await);
    }
    assert_eq!(asked, 2, "in two days");
}
