use std::path::Path;

use serde_json::json;
use zoho_mock::{Mock, Settings, StartError};

use crate::client::Client;

fn keeping(path: &Path) -> Settings {
    Settings { state_file: Some(path.to_owned()), ..Settings::default() }
}

#[tokio::test]
async fn records_tokens_and_uniqueness_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let before = Client::with(keeping(&path)).await;
    let ids = before.add_tickets(["t1".to_owned(), "t2".to_owned()]).await;
    let (token, records) = (before.token.clone(), before.mock.records());
    before.mock.stop().await;

    let mut after = Client::with(keeping(&path)).await;
    assert_eq!(after.mock.records(), records);
    assert_ne!(after.token, token);
    after.token = token;
    assert_eq!(after.add(&json!({"data": {"Ticket_ID": "t1"}})).await.1["code"], 3002);
    let added = after.add_tickets(["t3".to_owned()]).await;
    assert!(!ids.contains(&added[0]));
}

#[tokio::test]
async fn what_was_answered_is_in_the_file_even_if_the_mock_never_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let client = Client::with(keeping(&path)).await;
    client.add_tickets(["t1".to_owned()]).await;
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(saved["records"][0]["fields"]["Ticket_ID"], "t1");
}

#[tokio::test]
async fn a_damaged_state_file_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, "{").unwrap();
    assert!(matches!(Mock::start(keeping(&path)).await, Err(StartError::State(..))));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let (one, two) = (Client::new().await, Client::new().await);
    assert_eq!(one.add_tickets(["t".to_owned()]).await, two.add_tickets(["t".to_owned()]).await);
}

#[tokio::test]
async fn a_stopped_mock_frees_its_port() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let port = mock.url().rsplit(':').next().unwrap().parse().unwrap();
    mock.stop().await;
    assert!(Mock::start(Settings { port, ..Settings::default() }).await.is_ok());
}
