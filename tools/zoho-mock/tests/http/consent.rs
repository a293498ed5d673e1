use reqwest::{Method, StatusCode, header::LOCATION};
use serde_json::Value;

use crate::client::{Answer, Client, answer};

const ADDRESS: &str = "http://127.0.0.1:9/callback";

impl Client {
    async fn exchange(&self, code: &str, address: Option<&str>) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "mock-client"),
            ("client_secret", "mock-secret"),
            ("code", code),
        ];
        form.extend(address.map(|address| ("redirect_uri", address)));
        answer(self.plain(Method::POST, "/oauth/v2/token").form(&form)).await
    }

    /// Where a consenting browser ends up.
    async fn consent(&self, access_type: &str) -> String {
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let query = [
            ("response_type", "code"),
            ("client_id", "mock-client"),
            ("scope", "ZohoCreator.form.CREATE"),
            ("redirect_uri", ADDRESS),
            ("access_type", access_type),
        ];
        let page =
            browser.get(format!("{}/oauth/v2/auth", self.mock.url())).query(&query).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::FOUND);
        page.headers()[LOCATION].to_str().unwrap().to_owned()
    }
}

fn code_in(address: &str) -> &str {
    let (_, query) = address.split_once("?code=").unwrap();
    query.split('&').next().unwrap()
}

#[tokio::test]
async fn a_consent_gives_a_code_and_the_code_a_refresh_token_once() {
    let client = Client::new().await;
    let back = client.consent("offline").await;
    assert!(back.starts_with(ADDRESS), "{back}");
    let (_, token) = client.exchange(code_in(&back), Some(ADDRESS)).await;
    assert_eq!(token["refresh_token"], "mock-refresh-token");
    assert!(token["access_token"].is_string());
    assert_eq!(client.exchange(code_in(&back), Some(ADDRESS)).await.1["error"], "invalid_code");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let client = Client::new().await;
    let back = client.consent("online").await;
    let (_, token) = client.exchange(code_in(&back), Some(ADDRESS)).await;
    assert!(token["access_token"].is_string() && token["refresh_token"].is_null(), "{token}");
}

#[tokio::test]
async fn a_self_client_gets_its_code_without_a_browser() {
    let client = Client::new().await;
    let (_, console) = answer(client.plain(Method::POST, "/__mock/grant-codes")).await;
    let (_, token) = client.exchange(console["code"].as_str().unwrap(), None).await;
    assert_eq!(token["refresh_token"], "mock-refresh-token");
}

#[tokio::test]
async fn a_code_is_not_good_for_another_address_or_after_two_minutes() {
    let client = Client::new().await;
    let back = client.consent("offline").await;
    let (_, refused) = client.exchange(code_in(&back), Some("http://127.0.0.1:9/other")).await;
    assert_eq!(refused["error"], "invalid_redirect_uri");
    let back = client.consent("offline").await;
    client.clock.advance(chrono::TimeDelta::minutes(2));
    assert_eq!(client.exchange(code_in(&back), Some(ADDRESS)).await.1["error"], "invalid_code");
}

#[tokio::test]
async fn the_page_wants_to_know_who_asks_and_where_to_go() {
    let client = Client::new().await;
    for (query, error) in [
        ("response_type=code&redirect_uri=http://127.0.0.1", "invalid_client"),
        ("client_id=mock-client&redirect_uri=http://127.0.0.1", "invalid_response_type"),
        ("client_id=mock-client&response_type=code", "invalid_redirect_uri"),
    ] {
        let (status, refused): (_, Value) =
            answer(client.plain(Method::GET, &format!("/oauth/v2/auth?{query}"))).await;
        assert_eq!((status, refused["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)));
    }
}
