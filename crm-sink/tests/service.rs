//! The whole service: started like the program, asked over HTTP.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{process::Stdio, time::Duration};

use clap::Parser as _;
use crm_sink::Settings;
use event_store::{
    Append, EventStore, Expected, NewEvent, PersonalKeys, database,
    master_keys::{MasterKeys, generate_master_key},
};
use local_stack::{
    ports,
    testing::{TestDatabase, TestNats},
};
use schemas::{
    EventId, TicketEvent, TicketId,
    envelope::Metadata,
    event::{AnalysisFailed, Requester, TicketSubmitted},
};
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, process::Command};
use ulid::Ulid;
use uuid::Uuid;
use zoho_mock::{CallKind, Credentials, Fault, Mock, Plan, Rule};

/// Two events: the shortest life of a ticket that the CRM is owed.
async fn write_ticket(store: &EventStore, keys: &PersonalKeys) {
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
    let failed = AnalysisFailed { reason: "no model".into(), attempts: 1 };
    for (id, event) in [
        (id, TicketEvent::Submitted(submitted)),
        (EventId::new(Uuid::now_v7()), TicketEvent::AnalysisFailed(failed)),
    ] {
        let metadata =
            Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
        let events = vec![NewEvent { id, event, metadata }];
        let append = Append { ticket, expected: Expected::Any, events, idempotency: None };
        store.append(append).await.unwrap();
    }
}

async fn get(url: &str) -> Option<String> {
    let response = reqwest::get(url).await.ok()?;
    response.text().await.ok()
}

#[tokio::test]
async fn the_service_delivers_what_is_in_the_log_and_says_how_it_is() {
    let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
    let mock = Mock::start(zoho_mock::Settings::default()).await.unwrap();
    let pool = database::pool(database.url(), "test", 5).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    let key_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key_file.path(), generate_master_key()).unwrap();
    let store = EventStore::open(pool.clone()).await.unwrap();
    let keys = PersonalKeys::open(pool, MasterKeys::from_file(key_file.path()).unwrap()).await.unwrap();
    write_ticket(&store, &keys).await;

    let address = ports::loopback(ports::free().unwrap());
    let settings = Settings::parse_from([
        "crm-sink".to_owned(),
        format!("--database-url={}", database.url()),
        format!("--nats-url={}", nats.url()),
        format!("--master-key-file={}", key_file.path().display()),
        format!("--listen={address}"),
        format!("--zoho-accounts-url={}", mock.url()),
        format!("--zoho-creator-url={}", mock.url()),
        "--crm-linger=0".to_owned(),
        "--crm-linger-max=0".to_owned(),
    ]);
    let metrics = service_host::telemetry::start().unwrap();
    let service = tokio::spawn(crm_sink::run(settings, metrics));

    let health: Value = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!service.is_finished(), "the service ended");
        let Some(health) = get(&format!("http://{address}/health")).await else { continue };
        let health: Value = serde_json::from_str(&health).unwrap();
        if health["backlog"]["delivered"] == 1 {
            break health;
        }
    };
    assert_eq!((mock.records().len(), mock.counters().violations.total()), (1, 0));
    assert_eq!((&health["status"], &health["token"]["state"]), (&"healthy".into(), &"held".into()));
    assert_eq!(health["lane"]["state"], "running");
    let metrics = get(&format!("http://{address}/metrics")).await.unwrap();
    for line in [
        r#"crm_deliveries_total{sink="zoho",outcome="posted"} 1"#,
        r#"crm_requests_total{sink="zoho",call="add",class="done"} 1"#,
        r#"crm_requests_total{sink="zoho",call="token",class="done"} 1"#,
        r#"crm_backlog{sink="zoho",state="delivered"} 1"#,
        r#"crm_breaker_open{sink="zoho",breaker="config"} 0"#,
        r#"crm_token_state{state="held"} 1"#,
        r#"crm_requests_total{sink="zoho",call="fields",class="done"} 1"#,
        // Of 1000; how many calls were made when they were last counted does not matter here.
        r#"crm_quota_calls_left{sink="zoho"} 99"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    service.abort();
}

/// The real program at its most talkative, through a lost answer and a look-up. What may never show looks as it does in a
/// real account.
#[tokio::test]
async fn the_program_logs_no_secret_and_nothing_personal() {
    let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
    let refresh_token = format!("1000.{}.{}", "c".repeat(32), "d".repeat(32));
    let credentials = Credentials {
        client_secret: "e".repeat(42),
        refresh_token: refresh_token.clone(),
        ..Credentials::default()
    };
    let settings = zoho_mock::Settings { credentials, ..zoho_mock::Settings::default() };
    let mock = Mock::start(settings).await.unwrap();
    mock.set_faults(Plan::new(1, [Rule::at(Fault::CommitThenClose, [1]).on([CallKind::Add])])).unwrap();
    let pool = database::pool(database.url(), "test", 5).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    let key_file = tempfile::NamedTempFile::new().unwrap();
    let master_key = generate_master_key();
    std::fs::write(key_file.path(), &master_key).unwrap();
    let store = EventStore::open(pool.clone()).await.unwrap();
    let master_keys = MasterKeys::from_file(key_file.path()).unwrap();
    write_ticket(&store, &PersonalKeys::open(pool, master_keys).await.unwrap()).await;

    let mut program = Command::new(env!("CARGO_BIN_EXE_crm-sink"))
        .env("RUST_LOG", "trace")
        .env("DATABASE_URL", database.url())
        .env("NATS_URL", nats.url())
        .env("HUB_MASTER_KEY_FILE", key_file.path())
        .env("ZOHO_ACCOUNTS_URL", mock.url())
        .env("ZOHOCREATOR_URL", mock.url())
        .env("ZOHO_CLIENT_SECRET", "e".repeat(42))
        .env("ZOHO_REFRESH_TOKEN", &refresh_token)
        .args(["--crm-linger=0", "--crm-linger-max=0", "--crm-request-timeout=1000", "--crm-grace=0"])
        .arg(format!("--listen={}", ports::loopback(ports::free().unwrap())))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = program.stdout.take().unwrap();
    let mut stderr = program.stderr.take().unwrap();
    let reading = tokio::spawn(async move {
        let (mut out, mut err) = (String::new(), String::new());
        tokio::try_join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err)).unwrap();
        out + &err
    });
    let delivered = "select count(*) from crm.delivery where how = 'found'";
    while sqlx::query_scalar::<_, i64>(delivered).fetch_one(store.pool()).await.unwrap() == 0 {
        assert!(program.try_wait().unwrap().is_none(), "the program ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    program.kill().await.unwrap();
    let log = reading.await.unwrap();

    assert!(log.contains("looked up") && log.contains("asked for an access token"), "{log}");
    for never in [
        "Lovelace",
        "ada@example.com",
        "VPN drops",
        "cccccccc",
        "eeeeeeee",
        master_key.trim(),
        // Access tokens of the mock, as of Zoho: this, and 64 hexadecimal digits.
        "oauthtoken 1000.",
        "\"access_token\"",
    ] {
        let line = log.lines().find(|line| line.contains(never));
        assert_eq!(line, None, "{never} is in the log");
    }
    let token = log.split("1000.").skip(1).find(|rest| {
        let digits = rest.bytes().take(32).filter(u8::is_ascii_hexdigit).count();
        digits == 32 && rest.as_bytes().get(32) == Some(&b'.')
    });
    assert_eq!(token, None, "a token is in the log");
}
