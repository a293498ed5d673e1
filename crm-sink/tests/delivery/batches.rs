//! The ordinary way.

use crm_sink::{intake::Intake, lane::Tick};
use schemas::{Position, TicketEvent, event::CrmOutcome};
use subscription::{Progress, Stage, projection};
use tokio_util::sync::CancellationToken;
use zoho_mock::CallKind;

use crate::desk::{Desk, PACE};

#[tokio::test]
async fn tickets_travel_in_one_batch_and_each_gets_one_record() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(5).await;
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Get)), (1, 0));
    for ticket in tickets {
        assert_eq!(desk.fate(ticket).await, ("delivered".into(), Some("posted".into()), 1));
    }
}

#[tokio::test]
async fn a_record_says_what_the_ticket_says() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    let record = &desk.mock.records()[0];
    assert_eq!(record.fields["Name"]["last_name"], "Lovelace");
    for (field, value) in [
        ("Email", "ada@example.com"),
        ("Request_Type", "Network"),
        ("Description", "The VPN drops every ten minutes."),
        ("Category", "Network"),
        ("Priority", "Medium"),
        ("Summary", "VPN drops"),
        ("Entities", r#"["VPN"]"#),
        ("Sentiment", "negative"),
        ("Event_Position", "2"),
    ] {
        assert_eq!(record.text(field), Some(value), "{field}");
    }
    let events = desk.crm_events(ticket).await;
    let [TicketEvent::CrmRecordCreated(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.how, event.attempts), (CrmOutcome::Posted, 1));
    assert_eq!(Some(event.batch.as_str()), record.text("Delivery_Batch"));
}

#[tokio::test]
async fn the_event_follows_from_the_analysis_and_keeps_its_trace() {
    let mut desk = Desk::new().await;
    desk.ticket().await;
    desk.settle().await;
    let log = desk.writer.store.read_all(Position::START, 10).await.unwrap();
    let (analyzed, created) = (&log[1], &log[2]);
    assert_eq!(created.metadata.causationid, Some(analyzed.id));
    assert_eq!(created.metadata.correlationid, analyzed.metadata.correlationid);
    assert_eq!(created.metadata.traceparent, analyzed.metadata.traceparent);
    assert_eq!(*desk.lane.appended().borrow(), created.position);
}

#[tokio::test]
async fn a_second_run_delivers_nothing() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.settle().await;
    desk.take_in().await;
    desk.lane.recover().await.unwrap();
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.calls(CallKind::Add), 1);
}

#[tokio::test]
async fn a_work_list_that_was_lost_is_rebuilt_from_the_log_without_a_call() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.settle().await;
    sqlx::raw_sql("truncate crm.delivery").execute(desk.writer.store.pool()).await.unwrap();
    desk.take_in().await;
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Get)), (1, 0));
}

#[tokio::test]
async fn more_than_a_batch_takes_as_few_calls_as_possible() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(201).await;
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.calls(CallKind::Add), 2);
}

#[tokio::test]
async fn a_ticket_waits_for_company_as_long_as_it_may() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let log = desk.writer.store.read_all(Position::START, 10).await.unwrap();
    let due = log[1].time;
    let flush = due + PACE.linger;
    assert_eq!(desk.lane.tick(due).await.unwrap(), Tick::Idle(Some(flush)));
    assert_eq!(desk.lane.tick(flush).await.unwrap(), Tick::Worked);
    assert_eq!(desk.row(ticket).await.state, "delivered");
}

#[tokio::test]
async fn a_ticket_whose_analysis_failed_is_delivered_without_one() {
    let mut desk = Desk::new().await;
    let ticket = desk.writer.failed().await;
    desk.take_in().await;
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
    let record = &desk.mock.records()[0];
    assert_eq!((record.text("Category"), record.text("Email")), (None, Some("ada@example.com")));
}

#[tokio::test]
async fn the_intake_takes_in_every_analyzed_ticket_once_and_no_other() {
    let desk = Desk::new().await;
    let analyzed = desk.writer.analyzed("Network").await;
    desk.writer.submitted().await;
    let failed = desk.writer.failed().await;
    let stage = Stage {
        name: crm_sink::intake::stage("zoho"),
        store: desk.writer.store.clone(),
        nats_url: "nats://127.0.0.1:1".into(),
    };
    let (progress, stop) = (Progress::new(stage.name), CancellationToken::new());
    let running =
        tokio::spawn(projection::run(stage, Intake { sink: "zoho" }, progress.clone(), stop.clone()));
    progress.reached(Position(5)).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    desk.take_in().await;
    let sql = "select ticket_id from crm.delivery order by position";
    let owed: Vec<String> = sqlx::query_scalar(sql).fetch_all(desk.writer.store.pool()).await.unwrap();
    assert_eq!(owed, [analyzed.to_string(), failed.to_string()]);
}
