//! A sink with everything around it: log, keys, mock, a proxy in front of the mock, and one clock for all.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use clap::Parser as _;
use crm_sink::{
    intake::Intake,
    lane::{Lane, Pace, Tick},
    status::Status,
    zoho::{Client, ZohoSettings},
};
use event_store::{EventStore, PersonalKeys, cipher::SecretKey, database};
use local_stack::testing::TestDatabase;
use schemas::{Position, TicketId};
use subscription::Projection as _;
use zoho_mock::{CallKind, Clock as _, ManualClock, Mock, Settings};

use crate::{proxy::Proxy, tickets::Writer};

pub(crate) const PACE: Pace =
    Pace { linger: Duration::from_secs(1), request_timeout: Duration::from_secs(30), grace: Duration::ZERO };

pub(crate) struct Desk {
    pub(crate) writer: Writer,
    pub(crate) mock: Mock,
    pub(crate) proxy: Proxy,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Arc<Client>,
    pub(crate) status: Status,
    pub(crate) lane: Lane,
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    zoho: ZohoSettings,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), PACE, &[]).await
    }

    pub(crate) async fn with(mock: Settings, pace: Pace, flags: &[&str]) -> Self {
        // Ahead of the database's clock, which stamps the events: whatever is taken in is due.
        // In microseconds, as the database keeps times.
        let start = (service_host::clock::now() + TimeDelta::hours(1)).trunc_subsecs(6);
        let clock = Arc::new(ManualClock::new(start));
        let mock = Mock::start_with(mock, clock.clone()).await.unwrap();
        let proxy = Proxy::start(mock.url()).await;
        let store = store().await;
        let keys = keys(&store).await;
        let accounts = format!("--zoho-accounts-url={}", proxy.url());
        let creator = format!("--zoho-creator-url={}", proxy.url());
        let zoho = Flags::parse_from([&["test", &accounts, &creator], flags].concat()).zoho;
        let client = Arc::new(Client::new(&zoho, pace.request_timeout).unwrap());
        let status = Status::default();
        // Keys of its own: what the writer has in memory must not help the sink.
        let lane = Lane::new(store.clone(), self::keys(&store).await, client.clone(), pace, status.clone());
        Self { writer: Writer { store, keys }, mock, proxy, clock, client, status, lane }
    }

    /// Analyzed tickets, taken in.
    pub(crate) async fn tickets(&self, count: usize) -> Vec<TicketId> {
        let mut tickets = vec![];
        for _ in 0..count {
            tickets.push(self.writer.analyzed("Network").await);
        }
        self.take_in().await;
        tickets
    }

    pub(crate) async fn ticket(&self) -> TicketId {
        self.tickets(1).await[0]
    }

    /// Puts the whole log through the intake, old events again.
    pub(crate) async fn take_in(&self) {
        let events = self.writer.store.read_all(Position::START, 10_000).await.unwrap();
        let mut connection = self.writer.store.pool().acquire().await.unwrap();
        Intake.apply(&mut connection, &events).await.unwrap();
    }

    pub(crate) async fn tick(&mut self) -> Tick {
        self.lane.tick(self.now()).await.unwrap()
    }

    /// Until something was tried.
    pub(crate) async fn settle_once(&mut self) {
        while let Tick::Idle(until) = self.tick().await {
            self.advance_to(until.unwrap());
        }
    }

    /// Steps, moving the clock to wherever the lane waits for, until nothing is owed.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..2_000 {
            match self.tick().await {
                Tick::Worked => {}
                Tick::Idle(Some(until)) => self.advance_to(until),
                Tick::Idle(None) => return,
            }
        }
        panic!("the lane does not come to rest");
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn advance_to(&self, time: DateTime<Utc>) {
        self.clock.advance(time - self.now());
    }

    pub(crate) fn calls(&self, kind: CallKind) -> u64 {
        self.mock.counters().calls_of(kind)
    }
}

async fn store() -> EventStore {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 10).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    EventStore::open(pool).await.unwrap()
}

async fn keys(store: &EventStore) -> PersonalKeys {
    PersonalKeys::open(store.pool().clone(), SecretKey::from_bytes([9; 32])).await.unwrap()
}
