//! The whole program: started as operators start it, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{ffi::OsString, path::Path, time::Duration};

use analyzer_worker::settings::PrecisionChoice;
use event_store::{database, master_keys::generate_master_key};
use local_stack::{
    Service, ServiceSpec, ports,
    testing::{TestDatabase, TestNats},
};
use serde_json::{Value, json};

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
    let service = Service::start(&ServiceSpec {
        name: "analyzer-worker".to_owned(),
        program: env!("CARGO_BIN_EXE_analyzer-worker").into(),
        args: vec![],
        env: environment(database.url(), &nats.url(), &key_file, port),
        log_file: dir.path().join("log"),
    })
    .unwrap();
    let health = format!("http://127.0.0.1:{port}/health");
    let is_up = || async { reqwest::get(&health).await.is_ok_and(|answer| answer.status() == 200) };
    service.ready_within(PATIENCE, is_up).await.unwrap();

    let report: Value = reqwest::get(&health).await.unwrap().json().await.unwrap();
    assert_eq!((&report["status"], &report["model_loaded"]), (&json!("healthy"), &json!(true)));
    let body = json!({ "description": support::TICKET, "requestType": "Network" });
    let analyze = format!("http://127.0.0.1:{port}/analyze");
    let answer = reqwest::Client::new().post(analyze).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["analysis"]["degraded"], false);
    service.stop().await.unwrap();
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!log.contains("srv-fs01"), "the log quotes a ticket");
}
