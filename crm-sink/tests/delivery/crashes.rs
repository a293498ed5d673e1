//! A sender that dies between writing down that it sends and writing down what came of it.

use crm_sink::{
    outcome::{self, Fate, Outcome},
    queue,
};
use schemas::{TicketId, event::CrmOutcome};
use serde_json::{json, value::to_raw_value};
use zoho_mock::CallKind;

use crate::desk::{Desk, PACE};

const BATCH: &str = "b_crash";

impl Desk {
    /// What a sender does before it dies: claims tickets, and gets some of them through.
    async fn die_sending(&self, tickets: &[TicketId], landed: &[TicketId]) {
        let now = self.now();
        let claimed =
            queue::claim(self.writer.store.pool(), tickets, BATCH, now, now + PACE.request_timeout).await;
        assert_eq!(claimed.unwrap().len(), tickets.len());
        let records: Vec<_> = landed
            .iter()
            .map(|ticket| json!({"Ticket_ID": ticket.to_string(), "Delivery_Batch": BATCH}))
            .map(|record| to_raw_value(&record).unwrap())
            .collect();
        if !records.is_empty() {
            let permit = self.client.permit(now).await.unwrap();
            self.client.add(permit, &records).await;
        }
    }
}

#[tokio::test]
async fn a_request_that_landed_is_found_by_its_batch() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.die_sending(&tickets, &tickets).await;
    desk.lane.recover().await.unwrap();
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!((desk.calls(CallKind::Add), desk.calls(CallKind::Get)), (1, 1));
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("found".into()), 1));
}

#[tokio::test]
async fn a_request_that_never_left_is_made_again() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.die_sending(&tickets, &[]).await;
    desk.lane.recover().await.unwrap();
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("posted".into()), 2));
}

#[tokio::test]
async fn of_a_request_that_landed_in_part_the_rest_is_made_again() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(4).await;
    desk.die_sending(&tickets, &tickets[..2]).await;
    desk.lane.recover().await.unwrap();
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    let hows = [desk.row(tickets[0]).await.how, desk.row(tickets[3]).await.how];
    assert_eq!(hows.map(Option::unwrap), ["found", "posted"]);
}

#[tokio::test]
async fn nothing_is_looked_up_while_the_request_may_still_run() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(1).await;
    desk.die_sending(&tickets, &[]).await;
    desk.lane.recover().await.unwrap();
    let earliest = desk.now() + PACE.request_timeout;
    assert_eq!(desk.tick().await, crm_sink::lane::Tick::Idle(Some(earliest)));
    assert_eq!(desk.calls(CallKind::Get), 0);
}

#[tokio::test]
async fn a_sender_that_was_replaced_can_settle_nothing() {
    let desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let owed = queue::pending(desk.writer.store.pool(), desk.now()).await.unwrap().remove(0);
    desk.die_sending(&[ticket], &[]).await;
    let fate = Fate::Delivered { record_id: "1".into(), how: CrmOutcome::Posted, batch: "b_old".into() };
    let stale = Outcome { owed: queue::Owed { batch: Some("b_old".into()), ..owed }, fate };
    assert!(outcome::record(&desk.writer.store, vec![stale]).await.is_err());
    assert_eq!(desk.row(ticket).await.state, "sending");
    assert!(desk.crm_events(ticket).await.is_empty());
}

#[tokio::test]
async fn a_second_record_of_a_ticket_is_never_recorded() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    sqlx::raw_sql("update crm.delivery set state = 'pending', record_id = null, due_at = clock_timestamp()")
        .execute(desk.writer.store.pool())
        .await
        .unwrap();
    let owed = queue::pending(desk.writer.store.pool(), desk.now()).await.unwrap().remove(0);
    let fate = Fate::Delivered { record_id: "1".into(), how: CrmOutcome::Posted, batch: "b_2".into() };
    outcome::record(&desk.writer.store, vec![Outcome { owed, fate }]).await.unwrap();
    assert_eq!(desk.row(ticket).await.reason.as_deref(), Some("the log knows another record"));
    assert_eq!(desk.crm_events(ticket).await.len(), 1);
}
