use reqwest::{Method, StatusCode};
use serde_json::json;
use zoho_mock::{EmptyAnswer, ErrorShape, Quirks, Settings, StatusStyle};

use crate::client::Client;

async fn client_with(quirks: Quirks) -> Client {
    Client::with(Settings { quirks, ..Settings::default() }).await
}

#[tokio::test]
async fn in_the_style_of_v2_refusals_come_with_http_200() {
    let client = client_with(Quirks { status_style: StatusStyle::V2, ..Quirks::default() }).await;
    let (status, refused) = client.get(&[]).await;
    assert_eq!((status, &refused["code"]), (StatusCode::OK, &json!(9220)));
}

#[tokio::test]
async fn nothing_found_can_be_404_or_an_empty_list() {
    let client = client_with(Quirks { empty_answer: EmptyAnswer::Code3100, ..Quirks::default() }).await;
    let (status, refused) = client.get(&[]).await;
    assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!(3100)));
    let client = client_with(Quirks { empty_answer: EmptyAnswer::List, ..Quirks::default() }).await;
    assert_eq!(client.get(&[]).await, (StatusCode::OK, json!({"code": 3000, "data": []})));
}

#[tokio::test]
async fn field_errors_can_be_a_list() {
    let client = client_with(Quirks { error_shape: ErrorShape::Array, ..Quirks::default() }).await;
    let (_, refused) = client.add(&json!({"data": {}, "result": {}})).await;
    assert_eq!(refused["code"], 3020);
    let (_, refused) = client.add(&json!({"data": {"Status": "open"}})).await;
    assert_eq!(refused, json!({"code": 3002, "error": ["Ticket_ID: Enter a value for Ticket_ID"]}));
}

#[tokio::test]
async fn uniqueness_can_ignore_case() {
    let client = client_with(Quirks { unique_ignores_case: true, ..Quirks::default() }).await;
    client.add_tickets(["tkt_a".to_owned()]).await;
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "TKT_A"}})).await.1["code"], 3002);
}

#[tokio::test]
async fn updates_and_deletes_can_answer_numbers() {
    let client = client_with(Quirks { numeric_ids: true, ..Quirks::default() }).await;
    let id = client.add_tickets(["t1".to_owned()]).await.remove(0);
    let number: u64 = id.parse().unwrap();
    let (_, updated) = client.one(Method::PATCH, &id, Some(&json!({"data": {"Status": "closed"}}))).await;
    assert_eq!(updated["data"]["ID"], json!(number));
    let (_, deleted) = client.one(Method::DELETE, &id, None).await;
    assert_eq!(deleted["data"]["ID"], json!(number));
}
