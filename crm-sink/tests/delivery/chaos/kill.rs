//! The real process, killed at any moment, against a Zoho that loses answers.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use event_store::{
    EventStore, PersonalKeys, database,
    master_keys::{MasterKeys, generate_master_key},
};
use local_stack::{
    ports,
    testing::{TestDatabase, TestNats},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zoho_mock::{CallKind, Fault, Limits, Mock, Plan, Rule, Settings, TokenRules};

use super::{seed, size};
use crate::tickets::Writer;

/// What is lost, when the process does not die by itself.
const LOST: [Fault; 5] = [
    Fault::CommitThenClose,
    Fault::CommitThenError,
    Fault::CommitThenCut,
    Fault::CloseBefore,
    Fault::HalfBatch,
];

/// One call in five of each kind, the faults in turn: by chance, a small run could meet none.
fn one_in_five() -> Vec<Rule> {
    let turn = |call: CallKind| {
        let able: Vec<_> = LOST.into_iter().filter(|fault| fault.can_befall(call)).collect();
        let turns = able.len() as u64;
        able.into_iter().zip(0..).map(move |(fault, n)| {
            let calls: Vec<u64> = (0..2_000).map(|round| 2 + 5 * (n + round * turns)).collect();
            Rule::at(fault, calls).on([call])
        })
    };
    [CallKind::Add, CallKind::Get].into_iter().flat_map(turn).collect()
}

struct Service {
    database: TestDatabase,
    nats: TestNats,
    mock: Mock,
    key: tempfile::NamedTempFile,
    writer: Writer,
}

impl Service {
    async fn new() -> Self {
        let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
        let pool = database::pool(database.url(), "test", 5).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), generate_master_key()).unwrap();
        let store = EventStore::open(pool.clone()).await.unwrap();
        let keys = PersonalKeys::open(pool, MasterKeys::from_file(key.path()).unwrap()).await.unwrap();
        // No quota: a minute's worth of calls would make this test take minutes.
        let limits = Limits { per_minute: 0, per_day: 0, ..Limits::default() };
        let tokens = TokenRules::default();
        let mock = Mock::start(Settings { limits, tokens, ..Settings::default() }).await.unwrap();
        mock.set_faults(Plan::new(seed(), one_in_five())).unwrap();
        Self { database, nats, mock, key, writer: Writer { store, keys } }
    }

    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_crm-sink"))
            .args([
                format!("--database-url={}", self.database.url()),
                format!("--nats-url={}", self.nats.url()),
                format!("--master-key-file={}", self.key.path().display()),
                format!("--listen={}", ports::loopback(ports::free().unwrap())),
                format!("--zoho-accounts-url={}", self.mock.url()),
                format!("--zoho-creator-url={}", self.mock.url()),
                "--crm-linger=0".to_owned(),
                "--crm-linger-max=0".to_owned(),
                "--crm-request-timeout=1000".to_owned(),
                "--crm-grace=100".to_owned(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Until a process makes a call of Creator.
    async fn at_work(&self) {
        let calls = || {
            let counters = self.mock.counters();
            counters.calls_of(CallKind::Add) + counters.calls_of(CallKind::Get)
        };
        let before = calls();
        while calls() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn delivered(&self) -> i64 {
        let sql = "select count(*) from crm.delivery where state = 'delivered'";
        sqlx::query_scalar(sql).fetch_one(self.writer.store.pool()).await.unwrap()
    }
}

/// Kills as `kill -9` does, at a moment that the seed chooses; tickets come all the time.
#[tokio::test]
async fn whenever_the_process_is_killed_each_ticket_ends_with_one_record() {
    let (service, mut rng) = (Service::new().await, StdRng::seed_from_u64(seed()));
    let (mut tickets, kills) = (vec![], size(6, 1_000));
    // Draws the token. Whoever is killed while drawing one may not draw another for ten minutes (F17), which are real
    // ones here.
    let mut first = service.start();
    tickets.push(service.writer.analyzed("Network").await.to_string());
    service.at_work().await;
    first.kill().unwrap();
    first.wait().unwrap();
    for _ in 0..kills {
        let mut process = service.start();
        for _ in 0..rng.random_range(1..4) {
            tickets.push(service.writer.analyzed("Network").await.to_string());
        }
        if rng.random_bool(0.8) {
            service.at_work().await;
        }
        let longer = rng.random_range(0..150);
        tokio::time::sleep(Duration::from_millis(longer)).await;
        process.kill().unwrap();
        process.wait().unwrap();
    }
    service.mock.set_faults(Plan::default()).unwrap();
    let (killed_at, mut last) = (service.delivered().await, service.start());
    while service.delivered().await < tickets.len() as i64 {
        assert!(last.try_wait().unwrap().is_none(), "the service ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    last.kill().unwrap();
    last.wait().unwrap();
    let mut held: Vec<_> =
        service.mock.records().iter().map(|r| r.text("Ticket_ID").unwrap().to_owned()).collect();
    held.sort();
    tickets.sort();
    assert_eq!(held, tickets);
    let counters = service.mock.counters();
    eprintln!(
        "kill -9: {kills} kills, {} tickets, {killed_at} delivered under kills, {} token askings, faults {:?}",
        tickets.len(),
        counters.calls_of(CallKind::Token),
        counters.faults,
    );
    assert!(!counters.faults.is_empty(), "no answer was lost");
    assert_eq!(counters.violations.total(), 0);
}
