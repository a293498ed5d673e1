//! The whole program: started as operators start it, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{ffi::OsString, path::Path, time::Duration};

use analyzer_worker::{settings::PrecisionChoice, worker::STAGE};
use event_store::{
    Append, EventStore, Expected, MasterKeys, NewEvent, PersonalKeys, database,
    master_keys::generate_master_key,
};
use local_stack::{
    Service, ServiceSpec, ports,
    testing::{TestDatabase, TestNats},
};
use schemas::{
    EventId, TicketEvent, TicketId, Version,
    envelope::Metadata,
    event::{Requester, TicketSubmitted},
};
use serde_json::{Value, json};
use subscription::parked::{self, Filter};
use ulid::Ulid;
use uuid::Uuid;

/// A debug build on a busy machine reads the model in seconds.
const PATIENCE: Duration = Duration::from_mins(1);

fn environment(database: &str, nats: &str, key_file: &Path, port: u16) -> Vec<(OsString, OsString)> {
    let model = support::settings(PrecisionChoice::Auto);
    let pairs: [(&str, OsString); 6] = [
        ("DATABASE_URL", database.into()),
        ("NATS_URL", nats.into()),
        ("HUB_MASTER_KEY_FILE", key_file.into()),
        ("ANALYZER_LISTEN", format!("127.0.0.1:{port}").into()),
        ("ANALYZER_MODEL_DIR", model.model_dir.into()),
        ("ANALYZER_HEADS_DIR", model.heads_dir.into()),
    ];
    pairs.map(|(name, value)| (name.into(), value)).into()
}

/// A ticket ends the process whenever it is looked at (F14): its neighbours get their analysis, and it is parked.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_ends_the_process_is_parked_and_the_others_flow() {
    let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
    let pool = database::pool(database.url(), "test", 2).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("master.key");
    std::fs::write(&key_file, generate_master_key()).unwrap();
    let keys = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&key_file).unwrap()).await.unwrap();
    let store = EventStore::open(pool.clone()).await.unwrap();
    let mut tickets = vec![];
    for text in ["The dock is dead.", "This is the poison.", "The switch is dark.", "The phone is mute."] {
        tickets.push(submit(&store, &keys, text).await);
    }

    let analyzed = |ticket: TicketId| {
        let store = store.clone();
        async move {
            let stream = store.read_stream(ticket, Version::NONE).await.unwrap();
            stream.get(1).map(|event| event.type_name.clone())
        }
    };
    let mut ends = 0;
    let all_done = async {
        loop {
            let mut environment = environment(database.url(), &nats.url(), &key_file, ports::free().unwrap());
            environment.push(("ANALYZER_TEST_POISON".into(), "poison".into()));
            let service = Service::start(&ServiceSpec {
                name: "analyzer-worker".to_owned(),
                program: env!("CARGO_BIN_EXE_analyzer-worker").into(),
                args: vec![],
                env: environment,
                log_file: dir.path().join("log"),
            })
            .unwrap();
            let last = async {
                // Polled, because another process writes it.
                while analyzed(tickets[3]).await.is_none() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                _ = service.ended() => ends += 1,
                () = last => return,
            }
        }
    };
    tokio::time::timeout(PATIENCE * 3, all_done).await.unwrap();

    // Two with the whole batch, which make the stage careful, and five by itself.
    assert_eq!(ends, 7, "attempts");
    for (ticket, expected) in tickets.into_iter().zip(["analyzed", "analysis-failed", "analyzed", "analyzed"])
    {
        assert_eq!(analyzed(ticket).await.unwrap(), format!("hub.ticket.{expected}.v1"));
    }
    let of_stage = Filter { stage: Some(STAGE.to_owned()), ..Default::default() };
    let parked = parked::list(&pool, &of_stage).await.unwrap();
    assert_eq!(parked.len(), 1, "{parked:?}");
}

async fn submit(store: &EventStore, keys: &PersonalKeys, description: &str) -> TicketId {
    let (ticket, id) = (TicketId::new(Ulid::generate()), EventId::new(Uuid::now_v7()));
    let requester = keys.requester_id("ada@example.com");
    let seal = async |field, text: &str| keys.seal(&requester, id, field, &text.to_owned()).await.unwrap();
    let submitted = TicketSubmitted {
        description: seal("description", description).await,
        requester: Requester {
            name: seal("name", "Ada").await,
            email: seal("email", "ada@example.com").await,
            id: requester.clone(),
        },
        request_type: "Network".to_owned(),
        attachments: vec![],
    };
    let metadata =
        Metadata { correlationid: id, causationid: None, traceparent: None, actor: "anonymous".to_owned() };
    let events = vec![NewEvent { id, event: TicketEvent::Submitted(submitted), metadata }];
    let append = Append { ticket, expected: Expected::Exactly(Version::NONE), events, idempotency: None };
    store.append(append).await.unwrap();
    ticket
}

#[tokio::test]
async fn the_program_says_how_it_is_and_answers() {
    // reqwest is built without a default; nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (database, nats) = (TestDatabase::create().await.unwrap(), TestNats::start().await.unwrap());
    let pool = database::pool(database.url(), "test", 2).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("master.key");
    std::fs::write(&key_file, generate_master_key()).unwrap();
    let port = ports::free().unwrap();
    let mut environment = environment(database.url(), &nats.url(), &key_file, port);
    environment.push(("ANALYZER_TRANSCRIBER".into(), "http".into()));
    let service = Service::start(&ServiceSpec {
        name: "analyzer-worker".to_owned(),
        program: env!("CARGO_BIN_EXE_analyzer-worker").into(),
        args: vec![],
        env: environment,
        log_file: dir.path().join("log"),
    })
    .unwrap();
    let health = format!("http://127.0.0.1:{port}/health");
    let is_up = || async { reqwest::get(&health).await.is_ok_and(|answer| answer.status() == 200) };
    service.ready_within(PATIENCE, is_up).await.unwrap();

    let report: Value = reqwest::get(&health).await.unwrap().json().await.unwrap();
    assert_eq!((&report["status"], &report["model_loaded"]), (&json!("healthy"), &json!(true)));
    assert_eq!(report["dependencies"]["transcriber"]["status"], "up", "{report}");
    assert_eq!(report.get("ownLabelsProblem"), Some(&Value::Null), "{report}");
    let body = json!({ "description": support::TICKET, "requestType": "Network" });
    let analyze = format!("http://127.0.0.1:{port}/analyze");
    let answer = reqwest::Client::new().post(analyze).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["analysis"]["degraded"], false);
    service.stop().await.unwrap();
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!log.contains("srv-fs01"), "the log quotes a ticket");
}
