//! A sender that dies between writing down that it sends and writing down what came of it.

use chrono::TimeDelta;
use crm_sink::{
    control::Replaced,
    destination::{Destination as _, Parcel},
    lane::Tick,
    outcome::{Fate, Outcome, Recorder},
    queue::Owed,
};
use schemas::{Position, TicketId, event::CrmOutcome};
use serde_json::{json, value::to_raw_value};
use zoho_mock::CallKind;

use crate::desk::{Desk, PACE};

const BATCH: &str = "b_crash";

impl Desk {
    /// What a sender does before it dies: claims tickets, and gets some of them through.
    async fn die_sending(&self, tickets: &[TicketId], landed: &[TicketId]) {
        let now = self.now();
        let queue = self.queue();
        let built: Vec<_> = tickets.iter().map(|ticket| (*ticket, Position(2))).collect();
        let claimed = queue.claim(self.lane.fence(), &built, BATCH, now, now + PACE.request_timeout).await;
        assert_eq!(claimed.unwrap().len(), tickets.len());
        let parcels: Vec<_> = landed.iter().map(|ticket| parcel(*ticket)).collect();
        if !parcels.is_empty() {
            self.client.create(self.permit().await, &parcels).await;
        }
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(self.writer.store.clone(), "zoho", self.lane.fence())
    }
}

fn parcel(ticket: TicketId) -> Parcel {
    let record = json!({"Ticket_ID": ticket.to_string(), "Delivery_Batch": BATCH});
    Parcel { ticket, key: String::new(), record: to_raw_value(&record).unwrap() }
}

#[tokio::test]
async fn a_request_that_landed_is_found_by_its_batch() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(3).await;
    desk.die_sending(&tickets, &tickets).await;
    desk.restart().await;
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
    desk.restart().await;
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
    assert_eq!(desk.fate(tickets[0]).await, ("delivered".into(), Some("posted".into()), 2));
}

#[tokio::test]
async fn of_a_request_that_landed_in_part_the_rest_is_made_again() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(4).await;
    desk.die_sending(&tickets, &tickets[..2]).await;
    desk.restart().await;
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
    desk.restart().await;
    let earliest = desk.now() + PACE.request_timeout;
    assert_eq!(desk.tick().await, Tick::Idle(Some(earliest)));
    assert_eq!(desk.calls(CallKind::Get), 0);
}

#[tokio::test]
async fn a_sender_that_was_replaced_can_settle_nothing() {
    let desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let owed = desk.queue().pending(desk.now(), 200).await.unwrap().remove(0);
    desk.die_sending(&[ticket], &[]).await;
    let fate = Fate::Delivered { record_id: "1".into(), how: CrmOutcome::Posted, batch: "b_old".into() };
    let stale = Outcome { owed: Owed { batch: Some("b_old".into()), ..owed }, fate };
    assert!(desk.recorder().record(vec![stale]).await.is_err());
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
    let owed = desk.queue().pending(desk.now(), 200).await.unwrap().remove(0);
    let fate = Fate::Delivered { record_id: "1".into(), how: CrmOutcome::Posted, batch: "b_2".into() };
    desk.recorder().record(vec![Outcome { owed, fate }]).await.unwrap();
    assert_eq!(desk.row(ticket).await.reason.as_deref(), Some("the log knows another record"));
    assert_eq!(desk.crm_events(ticket).await.len(), 1);
}

#[tokio::test]
async fn whoever_was_replaced_can_claim_and_settle_nothing_more() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    let owed = desk.queue().pending(desk.now(), 200).await.unwrap().remove(0);
    let (old_fence, old_recorder) = (desk.lane.fence(), desk.recorder());
    desk.restart().await;
    let now = desk.now();
    let claimed = desk
        .queue()
        .claim(old_fence, &[(ticket, Position(2))], BATCH, now, now + TimeDelta::seconds(1))
        .await;
    assert!(claimed.unwrap_err().downcast_ref::<Replaced>().is_some());
    let fate = Fate::Delivered { record_id: "1".into(), how: CrmOutcome::Posted, batch: BATCH.into() };
    let settled = old_recorder.record(vec![Outcome { owed, fate }]).await;
    assert!(settled.unwrap_err().downcast_ref::<Replaced>().is_some());
    assert_eq!(desk.fate(ticket).await, ("pending".into(), None, 0));
    desk.settle().await;
    desk.assert_one_record_each(&[ticket]).await;
}

/// The steps of a delivery are: claim, send, settle. A process may end after each of them, any number of times in a row.
#[tokio::test]
async fn a_sender_may_die_after_any_step_any_number_of_times() {
    let mut desk = Desk::new().await;
    let tickets = desk.tickets(6).await;
    for (round, landed) in [0, 2, 0, 3].into_iter().enumerate() {
        let now = desk.now();
        let due: Vec<_> =
            desk.queue().pending(now, 200).await.unwrap().into_iter().map(|owed| owed.ticket).collect();
        if !due.is_empty() {
            desk.die_sending(&due, &due[..landed.min(due.len())]).await;
        }
        desk.restart().await;
        // Look-ups only: the next process dies before it sends again.
        for _ in 0..3 {
            if let Tick::Idle(Some(until)) = desk.tick().await {
                desk.advance_to(until);
            }
            desk.restart().await;
        }
        assert!(desk.mock.records().len() <= tickets.len(), "round {round}");
    }
    desk.settle().await;
    desk.assert_one_record_each(&tickets).await;
}

#[tokio::test]
async fn a_sender_may_die_between_the_steps_of_an_update() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    desk.writer.closed(ticket).await;
    desk.take_in().await;
    let now = desk.now() + TimeDelta::seconds(5);
    let outdated = desk.queue().outdated(now).await.unwrap().unwrap();
    assert!(
        desk.queue().claim_update(desk.lane.fence(), &outdated, now + PACE.request_timeout).await.unwrap()
    );
    desk.restart().await;
    assert!(desk.queue().outdated(now).await.unwrap().is_none(), "the one that was sent may still run");
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("closed"));
}
