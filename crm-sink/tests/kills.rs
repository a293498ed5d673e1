//! `kill -9` between every two steps: the real program dies where a test wants it to, and the next one finishes the work.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeSet, time::Duration};

use event_store::{
    Append, EventStore, Expected, NewEvent, PersonalKeys, database,
    master_keys::{MasterKeys, generate_master_key},
};
use local_stack::{
    ports,
    testing::{TestDatabase, TestNats, scaled},
};
use schemas::{
    EventId, TicketEvent, TicketId,
    envelope::Metadata,
    event::{AnalysisFailed, Requester, TicketAssigned, TicketSubmitted},
};
use tokio::process::{Child, Command};
use ulid::Ulid;
use uuid::Uuid;
use zoho_mock::{CallKind, Limits, Mock};

struct World {
    database: TestDatabase,
    nats: TestNats,
    mock: Mock,
    key_file: tempfile::NamedTempFile,
    store: EventStore,
    keys: PersonalKeys,
}

impl World {
    async fn new() -> Self {
        let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
        // Many processes start at once here: on a busy machine a connection takes longer than a service would wait.
        let pool = database::pool(database.url(), "test", 5).unwrap();
        let patient = pool.options().clone().acquire_timeout(Duration::from_mins(1));
        let pool = patient.connect_lazy_with(pool.connect_options().as_ref().clone());
        database::MIGRATOR.run(&pool).await.unwrap();
        let key_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key_file.path(), generate_master_key()).unwrap();
        let store = EventStore::open(pool.clone()).await.unwrap();
        let keys = PersonalKeys::open(pool, MasterKeys::from_file(key_file.path()).unwrap()).await.unwrap();
        let limits = Limits { per_day: 0, ..Limits::default() };
        let mock = Mock::start(zoho_mock::Settings { limits, ..Default::default() }).await.unwrap();
        Self { database, nats, mock, key_file, store, keys }
    }

    fn start(&self, crash_at: Option<&str>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crm-sink"));
        command
            .env("DATABASE_URL", self.database.url())
            .env("NATS_URL", self.nats.url())
            .env("HUB_MASTER_KEY_FILE", self.key_file.path())
            .env("ZOHO_ACCOUNTS_URL", self.mock.url())
            .env("ZOHOCREATOR_URL", self.mock.url())
            .args(["--crm-linger=0", "--crm-linger-max=0", "--crm-request-timeout=1000", "--crm-grace=0"])
            .arg("--zoho-daily-calls=1000000")
            .arg(format!("--listen={}", ports::loopback(ports::free().unwrap())))
            .kill_on_drop(true);
        if let Some(place) = crash_at {
            command.env("HUB_CRASH_AT", place);
        }
        command.spawn().unwrap()
    }

    /// Dies at a place, and is started again, to go on.
    async fn dies_at(&self, place: &str) -> Child {
        let killed = self.start(Some(place)).wait().await.unwrap();
        assert!(!killed.success(), "{place}: it should have died there");
        self.start(None)
    }

    /// A ticket that the CRM is owed.
    async fn ticket(&self) -> TicketId {
        write_ticket(&self.store, &self.keys).await
    }

    /// The position of a change that the record has to follow.
    async fn assign(&self, ticket: TicketId, assignee: &str) -> i64 {
        let event = TicketEvent::Assigned(TicketAssigned { assignee: assignee.to_owned() });
        append(&self.store, ticket, EventId::new(Uuid::now_v7()), event).await;
        self.store.head().await.unwrap().0
    }

    /// Until the database says so of so many tickets.
    async fn until(&self, tickets: usize, condition: &str) {
        let sql = format!("select count(*) = {tickets} from crm.delivery where {condition}");
        loop {
            if sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(sql.clone()))
                .fetch_one(self.store.pool())
                .await
                .unwrap()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the CRM holds of tickets, one record each whatever happened, and the log of those.
    async fn assert_records(&self, tickets: usize, place: &str) {
        let records = self.mock.records();
        let ids: BTreeSet<_> =
            records.iter().map(|record| record.text("Ticket_ID").unwrap().to_owned()).collect();
        assert_eq!((records.len(), ids.len()), (tickets, tickets), "{place}");
        let sql = "select count(*) from log.events where type = 'hub.ticket.crm-record-created.v1'";
        let logged: i64 = sqlx::query_scalar(sql).fetch_one(self.store.pool()).await.unwrap();
        assert_eq!(logged, tickets as i64, "{place}");
        assert_eq!(self.mock.counters().violations.total(), 0, "{place}");
    }
}

async fn append(store: &EventStore, ticket: TicketId, id: EventId, event: TicketEvent) {
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    let events = vec![NewEvent { id, event, metadata }];
    let append = Append { ticket, expected: Expected::Any, events, idempotency: None };
    store.append(append).await.unwrap();
}

/// Two events: the shortest life of a ticket that the CRM is owed.
async fn write_ticket(store: &EventStore, keys: &PersonalKeys) -> TicketId {
    let (ticket, id) = (TicketId::new(Ulid::generate()), EventId::new(Uuid::now_v7()));
    let requester = keys.requester_id("ada@example.com");
    let seal =
        async |field: &str, text: &str| keys.seal(&requester, id, field, &text.to_owned()).await.unwrap();
    let submitted = TicketSubmitted {
        requester: Requester {
            id: requester.clone(),
            name: seal("name", "Ada Lovelace").await,
            email: seal("email", "ada@example.com").await,
        },
        request_type: "Network".into(),
        description: seal("description", "The VPN drops every ten minutes.").await,
        attachments: vec![],
    };
    append(store, ticket, id, TicketEvent::Submitted(submitted)).await;
    let failed = AnalysisFailed { reason: "no model".into(), attempts: 1 };
    append(store, ticket, EventId::new(Uuid::now_v7()), TicketEvent::AnalysisFailed(failed)).await;
    ticket
}

/// How often at each place; 200 times with `HUB_CHAOS=1`.
fn rounds() -> usize {
    scaled(1, 200) as usize
}

async fn dies_delivering_at(place: &str) {
    let world = World::new().await;
    for tickets in 1..=rounds() {
        world.ticket().await;
        let mut next = world.dies_at(place).await;
        world.until(tickets, "state = 'delivered'").await;
        next.kill().await.unwrap();
        world.assert_records(tickets, place).await;
    }
}

#[tokio::test]
async fn a_sender_that_is_killed_before_the_request_leaves() {
    tokio::join!(dies_delivering_at("crm.packed"), dies_delivering_at("crm.claimed"));
}

#[tokio::test]
async fn a_sender_that_is_killed_once_the_request_has_left() {
    tokio::join!(
        dies_delivering_at("crm.sent"),
        dies_delivering_at("crm.settling"),
        dies_delivering_at("crm.settled")
    );
}

async fn dies_updating_at(place: &str) {
    let world = World::new().await;
    let ticket = world.ticket().await;
    let mut first = world.start(None);
    world.until(1, "state = 'delivered'").await;
    first.kill().await.unwrap();
    for round in 1..=rounds() {
        let assignee = format!("desk-{round}");
        let position = world.assign(ticket, &assignee).await;
        let mut next = world.dies_at(place).await;
        world.until(1, &format!("told >= {position}")).await;
        next.kill().await.unwrap();
        assert_eq!(world.mock.records()[0].text("Assignee"), Some(assignee.as_str()), "{place}");
    }
    world.assert_records(1, place).await;
}

#[tokio::test]
async fn a_sender_that_is_killed_at_an_update() {
    tokio::join!(
        dies_updating_at("crm.update-claimed"),
        dies_updating_at("crm.update-sent"),
        dies_updating_at("crm.update-settling"),
        dies_updating_at("crm.update-settled")
    );
}

/// The token that was granted is lost with the process, but the asking was counted before it was made: nobody asks again
/// within the minute, however often the process is started.
#[tokio::test]
async fn a_sender_that_is_killed_while_it_asks_for_a_token() {
    let world = World::new().await;
    world.ticket().await;
    let killed = world.start(Some("crm.token-granted")).wait().await.unwrap();
    assert!(!killed.success());
    for _ in 0..3 {
        let mut again = world.start(Some("crm.token-turn"));
        let waited = tokio::time::timeout(Duration::from_secs(2), again.wait()).await;
        assert!(waited.is_err(), "it is nobody's turn");
        again.kill().await.unwrap();
    }
    assert_eq!(world.mock.counters().calls_of(CallKind::Token), 1);
}

/// Each start finds in the database that the form was asked for, and goes on to the tickets.
#[tokio::test]
async fn a_sender_that_starts_over_and_over_asks_for_the_form_once() {
    let world = World::new().await;
    world.ticket().await;
    for _ in 0..3 {
        assert!(!world.start(Some("crm.packed")).wait().await.unwrap().success());
    }
    assert_eq!(world.mock.counters().calls_of(CallKind::Fields), 1);
}
