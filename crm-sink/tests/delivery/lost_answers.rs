//! A request whose answer never arrives, or says nothing.

use std::time::Duration;

use crm_sink::lane::{Pace, Tick};
use schemas::TicketEvent;
use zoho_mock::{CallKind, EmptyAnswer, ErrorShape, Quirks, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

#[tokio::test]
async fn a_request_whose_answer_is_lost_is_found_and_not_repeated() {
    for fault in [Fault::CutAfter, Fault::BadGatewayAfter, Fault::HalfAfter] {
        let mut desk = Desk::new().await;
        let tickets = desk.tickets(3).await;
        desk.proxy.spoil_add(fault.clone());
        desk.settle().await;
        desk.assert_one_record_each(&tickets).await;
        assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Get)), (1, 1), "{fault:?}");
        assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("found".into()), 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_never_answered_is_given_up_and_looked_up() {
    let pace = Pace { request_timeout: Duration::from_millis(300), ..PACE };
    let mut desk = Desk::with(Settings::default(), pace, &[]).await;
    let tickets = desk.tickets(2).await;
    desk.proxy.spoil_add(Fault::SilenceAfter);
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn a_request_that_was_lost_on_the_way_is_made_again() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(2).await;
    desk.proxy.spoil_add(Fault::CutBefore);
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("posted".into()), 2));
}

#[tokio::test]
async fn a_request_that_lands_after_it_was_looked_up_counts_and_its_repetition_does_not() {
    for error_shape in [ErrorShape::Object, ErrorShape::Array] {
        let quirks = Quirks { error_shape, ..Quirks::default() };
        let mut desk = Desk::with(Settings { quirks, ..Settings::default() }, PACE, &[]).await;
        let tickets = desk.tickets(25).await;
        desk.proxy.spoil_add(Fault::Late);
        while desk.calls(CallKind::Get) == 0 {
            match desk.tick().await {
                Tick::Worked => {}
                Tick::Idle(until) => desk.advance_to(until.unwrap()),
            }
        }
        desk.proxy.land().await;
        desk.settle().await;
        desk.assert_one_record_each(&tickets).await;
        assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("duplicate".into()), 2));
        assert_eq!(desk.calls(CallKind::Get), 3, "one by batch, two by 20 tickets");
    }
}

#[tokio::test]
async fn a_look_up_that_fails_is_not_a_look_up_that_finds_nothing() {
    let no_answers = [
        Fault::Answer(200, r#"{"code":4000,"description":"Developer API limit"}"#),
        Fault::Answer(429, r#"{"code":2955,"description":"limit for a minute"}"#),
        Fault::Answer(401, r#"{"code":1030,"description":"Authorization Failure."}"#),
        Fault::Answer(404, r#"{"code":2894,"message":"No report named so"}"#),
        Fault::Answer(200, r#"{"code":3000}"#),
        Fault::Answer(200, ""),
        Fault::BadGatewayAfter,
        Fault::CutAfter,
        Fault::HalfAfter,
    ];
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(2).await;
    desk.proxy.spoil_add(Fault::CutAfter);
    for fault in no_answers {
        desk.proxy.spoil_find(fault);
    }
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.calls(CallKind::Add), 1);
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("found".into()), 1));
}

#[tokio::test]
async fn every_way_of_saying_that_nothing_was_found_is_understood() {
    for empty_answer in [EmptyAnswer::Code9280, EmptyAnswer::Code3100, EmptyAnswer::List] {
        let quirks = Quirks { empty_answer, ..Quirks::default() };
        let mut desk = Desk::with(Settings { quirks, ..Settings::default() }, PACE, &[]).await;
        let first = desk.ticket().await;
        desk.proxy.spoil_add(Fault::CutBefore);
        desk.settle().await;
        let second = desk.ticket().await;
        desk.proxy.spoil_add(Fault::CutBefore);
        desk.settle().await;
        desk.assert_one_record_each(&[first, second]).await;
    }
}

#[tokio::test]
async fn whatever_happens_to_calls_in_a_row_each_ticket_ends_with_one_record() {
    use Fault::{BadGatewayAfter, CutAfter, CutBefore, HalfAfter, None};
    let mut desk = Desk::new().await;
    let mut tickets = vec![];
    for add in [CutAfter, CutBefore, HalfAfter] {
        for find in [None, CutBefore, BadGatewayAfter] {
            for again in [None, CutAfter, CutBefore] {
                tickets.extend(desk.tickets(2).await);
                desk.proxy.spoil_add(add.clone());
                desk.proxy.spoil_find(find.clone());
                desk.proxy.spoil_add(again.clone());
                desk.settle().await;
                desk.proxy.heal();
            }
        }
    }
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn a_ticket_that_never_gets_through_is_parked_after_a_day_and_said_so() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    (0..8).for_each(|_| desk.proxy.spoil_add(Fault::CutBefore));
    let start = desk.now();
    desk.settle().await;
    let row = desk.row(ticket).await;
    assert_eq!((row.state.as_str(), row.attempts), ("parked", 8));
    assert_eq!(row.reason.as_deref(), Some("no record after the last attempt"));
    let events = desk.crm_events(ticket).await;
    let attempts = events.iter().filter(|event| matches!(event, TicketEvent::CrmDeliveryAttempted(_)));
    assert_eq!(attempts.count(), 7, "each attempt but the last is in the ticket's journey");
    assert!(matches!(events.last(), Some(TicketEvent::CrmDeliveryParked(_))) && events.len() == 8);
    assert!(desk.now() - start > chrono::TimeDelta::hours(20), "gave up too early");
    assert!(desk.mock.records().is_empty());
}
