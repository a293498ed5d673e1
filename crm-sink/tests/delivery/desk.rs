//! A sink with everything around it: log, keys, mock, a proxy in front of the mock, and one clock for all.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use clap::Parser as _;
use crm_sink::{
    destination::{Destination, Purpose},
    intake::Intake,
    lane::{Lane, Pace, Tick},
    queue::Queue,
    status::Status,
    zoho::{self, Client, Vault, ZohoSettings},
};
use event_store::{EventStore, PersonalKeys, cipher::SecretKey, database};
use local_stack::testing::TestDatabase;
use schemas::{Position, TicketId};
use secrecy::ExposeSecret as _;
use subscription::Projection as _;
use zoho_mock::{CallKind, Clock as _, ManualClock, Mock, Settings};

use crate::{proxy::Proxy, tickets::Writer};

pub(crate) const PACE: Pace = Pace {
    linger: Duration::from_secs(1),
    longest_linger: Duration::from_secs(1),
    request_timeout: Duration::from_secs(30),
    grace: Duration::ZERO,
};
pub(crate) const KEY: [u8; 32] = [9; 32];

pub(crate) struct Desk {
    pub(crate) writer: Writer,
    pub(crate) mock: Mock,
    pub(crate) proxy: Proxy,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Arc<Client>,
    pub(crate) status: Status,
    pub(crate) lane: Lane<Client>,
    pub(crate) zoho: ZohoSettings,
    pub(crate) pace: Pace,
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
        let vault = Vault { pool: store.pool().clone(), key: SecretKey::from_bytes(KEY) };
        let client = Arc::new(Client::new(&zoho, pace.request_timeout, vault).unwrap());
        let status = Status::default();
        // Keys of its own: what the writer has in memory must not help the sink.
        let lane = Lane::new(store.clone(), self::keys(&store).await, client.clone(), pace, status.clone());
        let mut desk =
            Self { writer: Writer { store, keys }, mock, proxy, clock, client, status, lane, zoho, pace };
        desk.lane.recover().await.unwrap();
        desk
    }

    /// Another process takes over: nothing of this one's memory is left.
    pub(crate) async fn restart(&mut self) {
        let store = &self.writer.store;
        let vault = Vault { pool: store.pool().clone(), key: SecretKey::from_bytes(KEY) };
        self.client = Arc::new(Client::new(&self.zoho, self.pace.request_timeout, vault).unwrap());
        self.status = Status::default();
        let keys = keys(store).await;
        self.lane = Lane::new(store.clone(), keys, self.client.clone(), self.pace, self.status.clone());
        self.lane.recover().await.unwrap();
    }

    pub(crate) fn queue(&self) -> Queue {
        Queue::new(self.writer.store.pool().clone(), zoho::SYSTEM)
    }

    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        self.writer.store.pool()
    }

    pub(crate) async fn permit(&self) -> <Client as Destination>::Permit {
        // Some calls' worth of the minute's bucket.
        self.clock.advance(TimeDelta::seconds(10));
        self.client.permit(Purpose::People, self.now()).await.unwrap()
    }

    /// What a person with the form open may do.
    pub(crate) async fn delete_record(&self, record_id: &str) {
        let token = self.client.tokens().get(self.now()).await.unwrap();
        let url = format!(
            "{}/creator/v2.1/data/smart-service-hub/helpdesk/report/All_Tickets/{record_id}",
            self.mock.url()
        );
        let request = reqwest::Client::new().delete(url).header("accept", "application/json");
        let token = format!("Zoho-oauthtoken {}", token.expose_secret());
        let answer = request.header("authorization", token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
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
        Intake { sink: zoho::SYSTEM }.apply(&mut connection, &events).await.unwrap();
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

pub(crate) async fn store() -> EventStore {
    let database = TestDatabase::create().await.unwrap();
    // Many tests make a database at once: on a busy machine a connection takes longer than a service would wait.
    let pool = database::pool(database.url(), "test", 10).unwrap();
    let patient = pool.options().clone().acquire_timeout(Duration::from_mins(1));
    let pool = patient.connect_lazy_with(pool.connect_options().as_ref().clone());
    database::MIGRATOR.run(&pool).await.unwrap();
    EventStore::open(pool).await.unwrap()
}

pub(crate) async fn keys(store: &EventStore) -> PersonalKeys {
    PersonalKeys::open(store.pool().clone(), SecretKey::from_bytes(KEY)).await.unwrap()
}
