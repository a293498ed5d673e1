use serde_json::{Value, json};
use zoho_mock::Settings;

use crate::client::Client;

#[tokio::test]
async fn every_request_is_one_line_without_personal_data_or_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.jsonl");
    let client = Client::with(Settings { request_log: Some(path.clone()), ..Settings::default() }).await;
    client.add(&json!({"data": {"Ticket_ID": "t1", "Email": "canary@example.com", "email": "canary"}})).await;
    client.get(&[("criteria", r#"Email == "canary@example.com""#)]).await;
    let log = std::fs::read_to_string(path).unwrap();
    for secret in ["canary", client.token.as_str(), "mock-secret", "mock-refresh-token"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["body"], json!({"data": {"Ticket_ID": "t1", "Email": "***", "email": "***"}}));
    assert_eq!(lines[1]["headers"]["authorization"], "***");
    assert_eq!((&lines[1]["status"], &lines[1]["code"]), (&json!(200), &json!(3000)));
}
