//! Later changes of a ticket.

use std::time::Duration;

use chrono::TimeDelta;
use crm_sink::{
    lane::{Pace, Tick},
    operator::{self, Chosen},
};
use schemas::{Position, TicketEvent, work::Decision};
use zoho_mock::{CallKind, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

async fn is_up_to_date(desk: &Desk) -> bool {
    let sql = "select count(*) = 0 from crm.delivery where wanted > told or update_refused is not null";
    sqlx::query_scalar(sql).fetch_one(desk.pool()).await.unwrap()
}

#[tokio::test]
async fn a_record_follows_its_ticket() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    for (field, value) in [("Category", "Cloud"), ("Priority", "Critical"), ("Sentiment", "positive")] {
        let decision = match field {
            "Category" => Decision::Category,
            "Priority" => Decision::Priority,
            _ => Decision::Sentiment,
        };
        desk.writer.corrected(ticket, decision, value).await;
        desk.take_in().await;
        desk.settle().await;
        assert_eq!(desk.text_of(ticket, field).as_deref(), Some(value));
    }
    desk.writer.assigned(ticket, "desk-2").await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Assignee").as_deref(), Some("desk-2"));
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"));
    assert_eq!(desk.calls(CallKind::Update), 4, "two changes at once take one call");
    desk.assert_one_record_each(&[ticket]).await;

    let updates: Vec<_> = desk
        .crm_events(ticket)
        .await
        .into_iter()
        .filter_map(|event| match event {
            TicketEvent::CrmRecordUpdated(update) => Some(update.through),
            _ => None,
        })
        .collect();
    assert_eq!(updates, [Position(4), Position(6), Position(8), Position(11)]);
    assert_eq!(desk.text_of(ticket, "Event_Position").as_deref(), Some("11"));
    assert!(is_up_to_date(&desk).await);
}

#[tokio::test]
async fn a_record_says_what_people_read_off_the_text() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    desk.writer.summarized(ticket, "The mail server rejects everything.").await;
    desk.writer.named(ticket, "mail-02").await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Summary").as_deref(), Some("The mail server rejects everything."));
    assert_eq!(desk.text_of(ticket, "Entities").as_deref(), Some("[\"mail-02\"]"));
    assert!(is_up_to_date(&desk).await);
}

#[tokio::test]
async fn what_happens_while_a_ticket_is_sent_is_told_afterwards() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.proxy.spoil_add(Fault::CutAfter);
    desk.settle_once().await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"));
    assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Update)), (1, 1));
    desk.assert_one_record_each(&[ticket]).await;
}

#[tokio::test]
async fn what_happens_before_a_ticket_is_sent_needs_no_update() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"));
    assert_eq!(desk.calls(CallKind::Update), 0);
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_repeated_when_it_can_no_longer_run() {
    let pace = Pace { grace: Duration::from_mins(1), ..PACE };
    for fault in [Fault::CutAfter, Fault::CutBefore, Fault::BadGatewayAfter, Fault::HalfAfter] {
        let mut desk = Desk::with(Settings::default(), pace, &[]).await;
        let ticket = desk.ticket().await;
        desk.settle().await;
        desk.writer.closed(ticket).await;
        desk.take_in().await;
        desk.proxy.spoil_update(fault.clone());
        desk.settle_once().await;
        let sent = desk.now();
        desk.settle().await;
        assert!(desk.now() - sent >= TimeDelta::seconds(90), "{fault:?}");
        assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"), "{fault:?}");
        assert!(is_up_to_date(&desk).await, "{fault:?}");
    }
}

/// The request of the first update is held back until the second has landed, as if it had hung at Zoho all the while: the
/// lane must have waited long enough for that to be impossible.
#[tokio::test]
async fn updates_of_a_ticket_never_overlap() {
    let pace = Pace { grace: Duration::from_mins(1), ..PACE };
    let mut desk = Desk::with(Settings::default(), pace, &[]).await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    desk.writer.assigned(ticket, "first").await;
    desk.take_in().await;
    desk.proxy.spoil_update(Fault::Late);
    desk.settle_once().await;
    let sent = desk.now();
    desk.writer.assigned(ticket, "second").await;
    desk.take_in().await;
    while desk.now() - sent < TimeDelta::seconds(89) {
        let Tick::Idle(_) = desk.tick().await else { panic!("a second update while the first may run") };
        desk.clock.advance(TimeDelta::seconds(1));
    }
    desk.proxy.land().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Assignee").as_deref(), Some("second"));
    assert!(is_up_to_date(&desk).await);
}

#[tokio::test]
async fn a_record_that_somebody_deleted_is_made_again() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    let lost = desk.row(ticket).await.record_id.unwrap();
    desk.delete_record(&lost).await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    desk.settle().await;
    let row = desk.row(ticket).await;
    assert_eq!(row.state, "delivered");
    assert_ne!(row.record_id.as_ref(), Some(&lost));
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"));
    let events = desk.crm_events(ticket).await;
    let [
        TicketEvent::CrmRecordCreated(_),
        TicketEvent::CrmRecordLost(gone),
        TicketEvent::CrmRecordCreated(_),
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((&gone.record_id, gone.noticed.as_str()), (&lost, "update"));
    assert_eq!(desk.mock.records().len(), 1);
}

#[tokio::test]
async fn an_update_the_crm_will_not_have_waits_for_a_person_or_the_next_change() {
    let mut desk = Desk::new().await;
    let (ticket, other) = (desk.ticket().await, desk.ticket().await);
    desk.settle().await;
    desk.writer.corrected(ticket, Decision::Category, "Plumbing").await;
    desk.writer.corrected(other, Decision::Category, "Cloud").await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Category").as_deref(), Some("Network"));
    assert_eq!(desk.text_of(other, "Category").as_deref(), Some("Cloud"), "it holds up nobody else");
    let parked = operator::parked(desk.pool(), "zoho", &Chosen::default()).await.unwrap();
    assert_eq!((parked.len(), parked[0].reason.as_deref()), (1, Some("3001 Category")));
    assert_eq!(operator::retry(desk.pool(), "zoho", &Chosen::default()).await.unwrap(), 1);
    desk.settle().await;
    assert_eq!(desk.calls(CallKind::Update), 3);
    desk.writer.corrected(ticket, Decision::Category, "Security").await;
    desk.take_in().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Category").as_deref(), Some("Security"));
    assert!(is_up_to_date(&desk).await);
}

#[tokio::test]
async fn a_refusal_that_is_not_the_tickets_costs_an_update_nothing() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    for (status, body) in [
        (429, r#"{"code":2955,"description":"limit for a minute"}"#),
        (200, r#"{"code":4000,"description":"Developer API limit"}"#),
        (403, r#"{"code":2897,"message":"no permission"}"#),
        (401, r#"{"code":1030,"description":"Authorization Failure."}"#),
    ] {
        desk.proxy.spoil_update(Fault::Answer(status, body));
    }
    desk.settle().await;
    let events = desk.crm_events(ticket).await;
    match events.last() {
        Some(TicketEvent::CrmRecordUpdated(update)) => assert_eq!(update.attempts, 1),
        event => panic!("{event:?}"),
    }
}
