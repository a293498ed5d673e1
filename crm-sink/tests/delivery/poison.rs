//! One record spoils its batch.

use crm_sink::brake::Breaker;
use zoho_mock::CallKind;

use crate::{desk::Desk, proxy::Fault};

const REFUSED: &str = r#"{"code":3020,"message":"Body is incomplete"}"#;

#[tokio::test]
async fn the_culprit_is_found_by_halving_and_parked_alone() {
    let mut desk = Desk::new().await;
    let first = desk.ticket().await;
    desk.settle().await;
    let mut tickets = desk.tickets(32).await;
    let culprit = tickets.remove(20);
    desk.proxy.poison(&culprit.to_string(), 400, REFUSED);
    let before = desk.calls(CallKind::Add);
    desk.settle().await;
    tickets.push(first);
    desk.assert_one_record_each(&tickets).await;
    let row = desk.row(culprit).await;
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("parked", Some("3020")));
    // Of each size from 16 down to 1 the half without the culprit comes through.
    assert_eq!(desk.calls(CallKind::Add) - before, 5);
}

#[tokio::test]
async fn a_refusal_of_everything_parks_nothing() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(8).await;
    for _ in 0..30 {
        desk.proxy.spoil_add(Fault::Answer(400, REFUSED));
    }
    while desk.status.problem().is_none() {
        desk.settle_once().await;
    }
    assert_eq!(desk.status.problem(), Some(Breaker::Defect.name()));
    for ticket in &tickets {
        assert_eq!(desk.row(*ticket).await.state, "pending");
    }
    desk.proxy.heal();
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("posted".into()), 1));
}
