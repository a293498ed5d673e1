//! Any schedule of faults: at most one record of a ticket at any time, and exactly one once the faults stop.

use chrono::TimeDelta;
use crm_sink::lane::Tick;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use schemas::TicketId;

use crate::{desk::Desk, proxy::Fault};

const FAULTS: [Fault; 13] = [
    Fault::None,
    Fault::CutAfter,
    Fault::BadGatewayAfter,
    Fault::HalfAfter,
    Fault::CutBefore,
    Fault::Late,
    Fault::Answer(200, ""),
    Fault::Answer(200, r#"{"code":3000}"#),
    Fault::Answer(429, r#"{"code":2955,"description":"limit for a minute"}"#),
    Fault::Answer(200, r#"{"code":4000,"description":"Developer API limit"}"#),
    Fault::Answer(401, r#"{"code":1030,"description":"Authorization Failure."}"#),
    Fault::Answer(400, r#"{"code":3020,"message":"body"}"#),
    Fault::Answer(404, r#"{"code":2930,"message":"Error Occurred"}"#),
];

struct Schedule {
    desk: Desk,
    rng: StdRng,
    tickets: Vec<TicketId>,
}

impl Schedule {
    async fn step(&mut self) {
        match self.rng.random_range(0..10) {
            0..3 => {
                let count = self.rng.random_range(1..4);
                self.tickets.extend(self.desk.tickets(count).await);
            }
            3 => self.change().await,
            4 => self.desk.restart().await,
            5 => self.desk.proxy.land().await,
            _ => self.spoil(),
        }
        for _ in 0..self.rng.random_range(1..6) {
            match self.desk.tick().await {
                Tick::Worked => {}
                Tick::Idle(Some(until)) => self.desk.advance_to(until),
                Tick::Idle(None) => self.desk.clock.advance(TimeDelta::seconds(1)),
            }
        }
        self.assert_at_most_one_each();
    }

    async fn change(&mut self) {
        let Some(ticket) = self.tickets.choose(&mut self.rng).copied() else { return };
        let assignee = format!("desk-{}", self.rng.random_range(0..100));
        self.desk.writer.assigned(ticket, &assignee).await;
        self.desk.take_in().await;
    }

    fn spoil(&mut self) {
        let fault = FAULTS.choose(&mut self.rng).cloned().unwrap_or(Fault::None);
        match self.rng.random_range(0..3) {
            0 => self.desk.proxy.spoil_add(fault),
            1 => self.desk.proxy.spoil_find(fault),
            // An update that lands late could only do so within the grace, which is over once the next one leaves.
            _ if fault == Fault::Late => {}
            _ => self.desk.proxy.spoil_update(fault),
        }
    }

    fn assert_at_most_one_each(&self) {
        let records = self.desk.mock.records();
        for ticket in &self.tickets {
            let text = ticket.to_string();
            let count = records.iter().filter(|record| record.text("Ticket_ID") == Some(&text)).count();
            assert!(count <= 1, "{ticket} has {count} records");
        }
    }

    /// Every record also says what the log says last.
    async fn assert_up_to_date(&self) {
        let behind = "select count(*) from crm.delivery where wanted > told or update_refused is not null";
        let behind: i64 = sqlx::query_scalar(behind).fetch_one(self.desk.pool()).await.unwrap();
        assert_eq!(behind, 0, "records are out of date");
        for ticket in &self.tickets {
            let latest = "select data::json->>'assignee' from log.events
                            where stream_id = $1 and type = 'hub.ticket.assigned.v1' order by version desc limit 1";
            let assignee: Option<String> = sqlx::query_scalar(latest)
                .bind(ticket.to_string())
                .fetch_optional(self.desk.pool())
                .await
                .unwrap();
            assert_eq!(self.desk.text_of(*ticket, "Assignee"), assignee, "{ticket}");
        }
    }
}

/// `CRM_SCHEDULES=200` for a long run, `CRM_SEED=n` for one of them.
#[tokio::test]
async fn whatever_goes_wrong_each_ticket_ends_with_one_record_that_says_what_the_log_says() {
    let set = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = set("CRM_SEED").map_or(0..set("CRM_SCHEDULES").unwrap_or(3), |seed| seed..seed + 1);
    for seed in seeds {
        eprintln!("CRM_SEED={seed}");
        let (desk, rng) = (Desk::new().await, StdRng::seed_from_u64(seed));
        let mut schedule = Schedule { desk, rng, tickets: vec![] };
        for _ in 0..25 {
            schedule.step().await;
        }
        schedule.desk.proxy.heal();
        schedule.desk.settle().await;
        schedule.desk.proxy.land().await;
        schedule.desk.settle().await;
        let tickets = std::mem::take(&mut schedule.tickets);
        let (desk, parked) = (&schedule.desk, "select count(*) from crm.delivery where state = 'parked'");
        let parked: i64 = sqlx::query_scalar(parked).fetch_one(desk.pool()).await.unwrap();
        assert_eq!(parked, 0, "nothing was wrong with any ticket");
        desk.assert_one_record_each(&tickets).await;
        schedule.tickets = tickets;
        schedule.assert_up_to_date().await;
    }
}
