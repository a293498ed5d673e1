//! What the proofs share: many tickets at once, a lane driven through any trouble, and the oracle.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use crm_sink::{intake::Intake, lane::Tick, zoho};
use schemas::{Position, TicketId};
use subscription::Projection as _;
use tokio::task::JoinSet;
use zoho_mock::{CallKind, Fault, Plan};

use crate::{desk::Desk, tickets::Writer};

/// Writers at once.
const WRITERS: usize = 8;
/// Events that one step of the intake takes.
const PAGE: u32 = 2_000;

/// How far the intake is; a desk of its own has one for each test.
#[derive(Default)]
pub(crate) struct Inbox(Position);

impl Inbox {
    /// Tickets that are analyzed and taken in now, by the test's clock.
    pub(crate) async fn arrive(&mut self, desk: &Desk, count: usize) -> Vec<TicketId> {
        let mut writers = JoinSet::new();
        for share in 0..WRITERS.min(count) {
            let writer = Writer { store: desk.writer.store.clone(), keys: desk.writer.keys.clone() };
            let own = count / WRITERS + usize::from(share < count % WRITERS);
            writers.spawn(async move {
                let mut tickets = vec![];
                for _ in 0..own {
                    tickets.push(writer.analyzed("Network").await);
                }
                tickets
            });
        }
        let tickets = writers.join_all().await.concat();
        self.take_in(desk).await;
        let texts: Vec<_> = tickets.iter().map(ToString::to_string).collect();
        let now = "update crm.delivery set due_at = $2 where ticket_id = any($1)";
        sqlx::query(now).bind(texts).bind(desk.now()).execute(desk.pool()).await.unwrap();
        tickets
    }

    async fn take_in(&mut self, desk: &Desk) {
        loop {
            let events = desk.writer.store.read_all(self.0, PAGE).await.unwrap();
            let Some(last) = events.last() else { return };
            self.0 = last.position;
            let mut connection = desk.pool().acquire().await.unwrap();
            Intake { sink: zoho::SYSTEM }.apply(&mut connection, &events).await.unwrap();
        }
    }
}

impl Desk {
    /// Some steps, moving the clock to wherever the lane waits for.
    pub(crate) async fn steps(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.tick().await {
                Tick::Worked => {}
                Tick::Idle(Some(until)) => self.advance_to(until),
                Tick::Idle(None) => return,
            }
        }
    }

    /// Until nothing is owed, in at most so many steps.
    pub(crate) async fn drain(&mut self, most: usize) {
        for _ in 0..most {
            match self.tick().await {
                Tick::Worked => {}
                Tick::Idle(Some(until)) => self.advance_to(until),
                Tick::Idle(None) => return,
            }
        }
        panic!("after {most} steps something is still owed");
    }

    /// Lets whatever is still on its way arrive, and ends all faults.
    pub(crate) async fn calm(&self) {
        self.mock.set_faults(Plan::default()).unwrap();
        self.clock.advance(TimeDelta::minutes(10));
        self.mock.land_due().await;
        assert_eq!(self.mock.held_calls(), 0);
    }

    /// Calls of Creator.
    pub(crate) fn creator_calls(&self) -> u64 {
        [CallKind::Add, CallKind::Get, CallKind::Update].into_iter().map(|kind| self.calls(kind)).sum()
    }

    /// The CRM holds these tickets, each once; the work list and the log say the same; nothing was given up.
    pub(crate) async fn assert_exact(&self, tickets: &[TicketId]) {
        let mut owed: Vec<_> = tickets.iter().map(ToString::to_string).collect();
        owed.sort();
        let mut held = self.pairs_of_the_crm();
        held.sort();
        let ids: Vec<_> = held.iter().map(|(ticket, _)| ticket.clone()).collect();
        let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{} tickets have two records, {:?} is one", twice.len(), twice.first());
        assert_eq!(ids.len(), owed.len(), "records and tickets");
        assert!(ids == owed, "the CRM holds other tickets");
        let states = "select state, count(*) from crm.delivery group by 1";
        let states: Vec<(String, i64)> = sqlx::query_as(states).fetch_all(self.pool()).await.unwrap();
        assert_eq!(states, [("delivered".to_owned(), owed.len() as i64)], "wrongly parked, or left over");
        let told = "select ticket_id, record_id from crm.delivery order by 1, 2";
        assert!(self.pairs(told).await == held, "the work list tells of other records");
        let logged = "select stream_id, data::json->>'recordId' from log.events
                      where type like 'hub.ticket.crm-record-created.v%' order by 1, 2";
        assert!(self.pairs(logged).await == held, "the log tells of other records");
    }

    fn pairs_of_the_crm(&self) -> Vec<(String, String)> {
        let records = self.mock.records();
        records.iter().map(|r| (r.text("Ticket_ID").unwrap().to_owned(), r.id.to_string())).collect()
    }

    async fn pairs(&self, sql: &'static str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(self.pool()).await.unwrap();
        pairs.sort();
        pairs
    }

    /// No ticket has two records, at any time.
    pub(crate) fn assert_none_twice(&self) {
        let mut seen = BTreeMap::new();
        for (ticket, record) in self.pairs_of_the_crm() {
            if let Some(first) = seen.insert(ticket.clone(), record.clone()) {
                panic!("{ticket} has the records {first} and {record}");
            }
        }
    }

    /// Prints what happened, for whoever reads the proof.
    pub(crate) fn report(&self, figure: &str, tickets: usize) {
        let counters = self.mock.counters();
        let hits: u64 = counters.faults.values().sum();
        let calls: u64 = counters.calls.values().sum();
        eprintln!(
            "{figure}: {tickets} tickets, {calls} calls, {hits} spoilt ({:.0} %), violations {:?}",
            100.0 * hits as f64 / calls.max(1) as f64,
            counters.violations,
        );
        for (fault, hits) in &counters.faults {
            eprintln!("  {hits:>5} {fault:?}");
        }
    }

    pub(crate) fn hits(&self, fault: Fault) -> u64 {
        self.mock.counters().hits_of(fault)
    }
}
