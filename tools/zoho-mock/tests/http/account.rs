use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;
use zoho_mock::{Credentials, Quirks, Settings, TokenRules};

use crate::client::{Client, answer, unlimited};

#[tokio::test]
async fn a_refresh_answers_the_fields_of_the_real_service() {
    let client = Client::new().await;
    let (status, token) = client.ask_token("mock-refresh-token").await;
    assert_eq!(status, StatusCode::OK);
    let text = token["access_token"].as_str().unwrap();
    assert!(text.starts_with("1000.") && text.len() == 5 + 32 + 1 + 32, "{text}");
    assert_eq!((&token["expires_in"], &token["token_type"]), (&json!(3600), &json!("Bearer")));
    assert_eq!(token["api_domain"], client.mock.url());
}

#[tokio::test]
async fn query_parameters_are_as_good_as_a_form() {
    let client = Client::new().await;
    let query = "refresh_token=mock-refresh-token&client_id=mock-client&client_secret=mock-secret&grant_type=refresh_token";
    let (_, token) = answer(client.plain(Method::POST, &format!("/oauth/v2/token?{query}"))).await;
    assert!(token["access_token"].is_string(), "{token}");
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_http_200() {
    let client = Client::new().await;
    assert_eq!(client.ask_token("revoked").await, (StatusCode::OK, json!({"error": "invalid_code"})));
    let query = "/oauth/v2/token?client_id=somebody";
    assert_eq!(answer(client.plain(Method::POST, query)).await.1, json!({"error": "invalid_client"}));
    let query = "/oauth/v2/token?client_id=mock-client&client_secret=guess";
    assert_eq!(answer(client.plain(Method::POST, query)).await.1, json!({"error": "invalid_client_secret"}));
}

#[tokio::test]
async fn the_eleventh_refresh_in_ten_minutes_is_denied_and_counted() {
    let client = Client::new().await;
    for _ in 0..9 {
        assert_eq!(client.ask_token("mock-refresh-token").await.0, StatusCode::OK);
    }
    let (status, denied) = client.ask_token("mock-refresh-token").await;
    assert_eq!((status, &denied["error"]), (StatusCode::BAD_REQUEST, &json!("Access Denied")));
    assert_eq!(client.mock.counters().violations.refresh, 1);
    client.clock.advance(TimeDelta::minutes(10));
    assert_eq!(client.ask_token("mock-refresh-token").await.0, StatusCode::OK);
}

#[tokio::test]
async fn access_denied_can_come_with_http_200() {
    let tokens = TokenRules { per_window: 1, ..TokenRules::default() };
    let quirks = Quirks { access_denied_ok: true, ..Quirks::default() };
    let client = Client::with(Settings { tokens, quirks, ..Settings::default() }).await;
    let (status, denied) = client.ask_token("mock-refresh-token").await;
    assert_eq!((status, &denied["status"]), (StatusCode::OK, &json!("failure")));
}

#[tokio::test]
async fn a_token_is_refused_after_an_hour() {
    let mut client = Client::new().await;
    client.add_tickets(["t1".to_owned()]).await;
    client.clock.advance(TimeDelta::seconds(3600));
    let (status, refused) = client.get(&[]).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(1030)));
    client.refresh().await;
    assert_eq!(client.get(&[]).await.1["code"], 3000);
}

#[tokio::test]
async fn the_sixteenth_token_ends_the_first() {
    let client = Client::with(unlimited()).await;
    for _ in 0..15 {
        client.ask_token("mock-refresh-token").await;
    }
    assert_eq!(client.get(&[]).await.1["code"], 1030);
    assert_eq!(client.mock.counters().tokens_evicted, 1);
}

#[tokio::test]
async fn a_token_without_the_scope_of_the_call_is_refused() {
    let scopes = vec!["ZohoCreator.form.CREATE".to_owned()];
    let credentials = Credentials { scopes, ..Credentials::default() };
    let client = Client::with(Settings { credentials, ..Settings::default() }).await;
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "t1"}})).await.1["code"], 3000);
    let (status, refused) = client.get(&[]).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(2945)));
}
