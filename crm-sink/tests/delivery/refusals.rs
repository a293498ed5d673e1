//! What the CRM, or we ourselves, will not have.

use crm_sink::destination::{Destination as _, Parcel};
use schemas::TicketEvent;
use zoho_mock::{CallKind, Limits, Names, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

#[tokio::test]
async fn an_unusable_ticket_is_parked_alone() {
    let mut desk = Desk::new().await;
    let bad = desk.writer.analyzed("Plumbing").await;
    let good = desk.tickets(3).await;
    desk.settle().await;
    desk.assert_one_record_each(&good).await;
    let row = desk.row(bad).await;
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("parked", Some("3001 Category")));
    match desk.crm_events(bad).await.as_slice() {
        [TicketEvent::CrmDeliveryParked(parked)] => assert_eq!(parked.reason, "3001 Category"),
        events => panic!("{events:?}"),
    }
    assert_eq!(
        (desk.calls(CallKind::Add), desk.calls(CallKind::Get)),
        (1, 1),
        "looked up once, not sent again"
    );
}

#[tokio::test]
async fn a_refusal_by_a_script_does_not_mean_that_there_is_no_record() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.proxy.spoil_add(Fault::AnswerAfter(200, r#"{"code":3001,"error":["Error in workflow, line 3"]}"#));
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    assert_eq!(desk.fate(ticket).await, ("delivered".into(), Some("found".into()), 1));
}

#[tokio::test]
async fn a_look_up_that_is_not_answered_parks_nothing() {
    let mut desk = Desk::new().await;
    let ticket = desk.writer.analyzed("Plumbing").await;
    desk.take_in().await;
    for answer in [r#"{"code":4000,"description":"Developer API limit"}"#, ""] {
        desk.proxy.spoil_find(Fault::Answer(200, answer));
    }
    for (state, finds) in [("ambiguous", 0), ("ambiguous", 0), ("ambiguous", 0), ("parked", 1)] {
        desk.settle_once().await;
        assert_eq!((desk.row(ticket).await.state.as_str(), desk.calls(CallKind::Get)), (state, finds));
    }
}

#[tokio::test]
async fn a_refusal_of_a_value_needs_no_look_up() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.proxy
        .spoil_add(Fault::Answer(200, r#"{"code":3002,"error":{"Email":"Enter a valid email address"}}"#));
    desk.settle().await;
    let row = desk.row(ticket).await;
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("parked", Some("3002 Email")));
    assert_eq!(desk.calls(CallKind::Get), 0);
}

#[tokio::test]
async fn a_ticket_of_an_erased_requester_is_parked_without_a_call() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let sql = "delete from personal.requester_keys";
    sqlx::raw_sql(sql).execute(desk.writer.store.pool()).await.unwrap();
    desk.settle().await;
    let row = desk.row(ticket).await;
    assert_eq!((row.state.as_str(), row.attempts), ("parked", 0));
    assert_eq!(row.reason.as_deref(), Some("the requester was erased"));
    assert_eq!(desk.calls(CallKind::Add), 0);
}

#[tokio::test]
async fn a_record_that_the_crm_holds_already_counts() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let record = serde_json::json!({"Ticket_ID": ticket.to_string()});
    let record = serde_json::value::to_raw_value(&record).unwrap();
    let parcel = Parcel { ticket, key: String::new(), record };
    desk.client.create(desk.permit().await, &[parcel]).await;
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    assert_eq!(desk.fate(ticket).await, ("delivered".into(), Some("duplicate".into()), 1));
}

#[tokio::test]
async fn a_refusal_that_is_not_the_tickets_costs_it_nothing() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(2).await;
    for (status, body) in [
        (429, r#"{"code":2955,"description":"limit for a minute"}"#),
        (200, r#"{"code":4000,"description":"Developer API limit"}"#),
        (403, r#"{"code":2899,"message":"no permission"}"#),
        (404, r#"{"code":2893,"message":"no form"}"#),
        (400, r#"{"code":3020,"message":"body"}"#),
        (200, r#"{"code":3060,"message":"full"}"#),
        (401, "<html>"),
    ] {
        desk.proxy.spoil_add(Fault::Answer(status, body));
    }
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("posted".into()), 1));
    assert_eq!(desk.calls(CallKind::Get), 0, "nothing had to be looked up");
}

#[tokio::test]
async fn a_crm_that_is_away_costs_a_ticket_nothing() {
    let mut desk = Desk::new().await;
    let first = desk.ticket().await;
    desk.settle().await;
    let second = desk.ticket().await;
    desk.proxy.stop().await;
    desk.settle_once().await;
    assert_eq!(desk.fate(second).await, ("pending".into(), None, 0));
    desk.proxy.start_again().await;
    desk.settle().await;
    assert_eq!(desk.fate(second).await, ("delivered".into(), Some("posted".into()), 1));
    desk.assert_one_record_each(&[first, second]).await;
}

#[tokio::test]
async fn what_finds_no_room_waits_and_what_found_it_is_delivered() {
    let limits = Limits { records: 2, ..Limits::default() };
    let mut desk = Desk::with(Settings { limits, ..Settings::default() }, PACE, &[]).await;
    let tickets = desk.tickets(3).await;
    desk.tick().await;
    assert_eq!(desk.row(tickets[0]).await.state, "delivered");
    assert_eq!(desk.fate(tickets[2]).await, ("pending".into(), None, 0));
    desk.tick().await;
    assert_eq!(desk.status.problem(), Some("capacity"));
}

#[tokio::test]
async fn a_wrong_name_stops_the_lane_until_a_person_acts() {
    let names = Names { form: "Other".into(), ..Names::default() };
    let mut desk = Desk::with(Settings { names, ..Settings::default() }, PACE, &[]).await;
    let ticket = desk.ticket().await;
    desk.tick().await;
    desk.tick().await;
    assert_eq!(desk.status.problem(), Some("config"));
    assert_eq!(desk.fate(ticket).await, ("pending".into(), None, 0));
    assert_eq!(desk.calls(CallKind::Add), 1);
}
