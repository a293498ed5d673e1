use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zoho_mock::Counters;

use crate::client::{Answer, Client, answer};

async fn legacy(client: &Client, body: &Value) -> Answer {
    answer(client.plain(Method::POST, "/zoho/mock/records").json(body)).await
}

fn flat(ticket: &str) -> Value {
    json!({"Name": "John Doe", "Email": "john@example.com", "Description": "VPN down", "Ticket_ID": ticket})
}

async fn records_by(client: &Client, field: &str) -> Answer {
    answer(client.plain(Method::GET, &format!("/__mock/records?by={field}"))).await
}

#[tokio::test]
async fn the_legacy_route_answers_as_document_000_says() {
    let client = Client::new().await;
    let (status, added) = legacy(&client, &flat("t1")).await;
    assert_eq!(
        (status, &added["status"], &added["code"]),
        (StatusCode::CREATED, &json!("success"), &json!("SUCCESS"))
    );
    assert_eq!(added["data"]["ID"].as_str().map(str::len), Some(19));
    assert_eq!(added["data"]["Description"], "VPN down");
    let (status, refused) = legacy(&client, &json!({"Name": "John"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refused, json!({"error": "Validation failed", "code": "INVALID_DATA"}));
}

#[tokio::test]
async fn the_oracle_lists_every_record_and_names_duplicates() {
    let client = Client::new().await;
    client.add_tickets(["t1".to_owned(), "t2".to_owned()]).await;
    let (_, before) = records_by(&client, "Ticket_ID").await;
    assert_eq!((&before["total"], &before["duplicates"]), (&json!(2), &json!([])));
    legacy(&client, &flat("t1")).await;
    let (_, after) = records_by(&client, "Ticket_ID").await;
    assert_eq!(after["total"], 3);
    let ids = json!([after["records"][0]["ID"], after["records"][2]["ID"]]);
    assert_eq!(after["duplicates"], json!([{"Ticket_ID": "t1", "IDs": ids}]));
}

#[tokio::test]
async fn the_oracle_knows_the_fields_of_the_form_only() {
    let client = Client::new().await;
    assert_eq!(records_by(&client, "Nothing").await.0, StatusCode::BAD_REQUEST);
    let (_, all) = answer(client.plain(Method::GET, "/__mock/records")).await;
    assert_eq!(all, json!({"total": 0, "records": []}));
}

#[tokio::test]
async fn a_reset_forgets_everything_but_never_reuses_an_id() {
    let mut client = Client::new().await;
    let first = client.add_tickets(["t1".to_owned()]).await;
    let old_token = client.token.clone();
    let reset = client.plain(Method::POST, "/__mock/reset").send().await.unwrap();
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    assert_eq!(client.mock.counters(), Counters::default());
    assert_eq!(client.get(&[]).await.1["code"], 1030);
    client.refresh().await;
    assert_ne!(client.token, old_token);
    assert_ne!(client.add_tickets(["t1".to_owned()]).await, first);
}

#[tokio::test]
async fn counters_codes_and_health_can_be_asked_for() {
    let client = Client::new().await;
    let (_, counters) = answer(client.plain(Method::GET, "/__mock/counters")).await;
    assert_eq!((&counters["tokens_issued"], &counters["calls"]["token"]), (&json!(1), &json!(1)));
    assert_eq!(counters["violations"], json!({"minute": 0, "concurrency": 0, "daily": 0, "refresh": 0}));
    let (_, codes) = answer(client.plain(Method::GET, "/__mock/codes")).await;
    assert!(codes.as_array().unwrap().iter().any(|code| code["number"] == 2955 && code["status"] == 429));
    let (_, health) = answer(client.plain(Method::GET, "/health")).await;
    assert_eq!((&health["status"], &health["uptime"]), (&json!("healthy"), &json!(0)));
}
