//! The whole service: started like the program, asked over HTTP.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

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
use ulid::Ulid;
use uuid::Uuid;
use zoho_mock::Mock;

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
