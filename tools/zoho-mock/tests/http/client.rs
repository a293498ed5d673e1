//! A small correct client, so that each test shows only what it is about.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use zoho_mock::{Limits, ManualClock, Mock, Settings, TokenRules};

/// Owner and application of the default settings.
pub(crate) const APP: &str = "smart-service-hub/helpdesk";

pub(crate) struct Client {
    pub(crate) mock: Mock,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) token: String,
    http: reqwest::Client,
}

/// Status and JSON body.
pub(crate) type Answer = (StatusCode, Value);

impl Client {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// A mock whose clock stands still at noon, and a client with a token.
    pub(crate) async fn with(settings: Settings) -> Self {
        Self::at(settings, "2026-11-20T12:00:00Z".parse().unwrap()).await
    }

    pub(crate) async fn at(settings: Settings, now: DateTime<Utc>) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let mock = Mock::start_with(settings, clock.clone()).await.unwrap();
        let mut client = Self { mock, clock, token: String::new(), http: http() };
        client.refresh().await;
        client
    }

    pub(crate) async fn refresh(&mut self) {
        let (_, answer) = self.ask_token("mock-refresh-token").await;
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(crate) async fn ask_token(&self, refresh_token: &str) -> Answer {
        let form = [
            ("refresh_token", refresh_token),
            ("client_id", "mock-client"),
            ("client_secret", "mock-secret"),
            ("grant_type", "refresh_token"),
        ];
        answer(self.plain(Method::POST, "/oauth/v2/token").form(&form)).await
    }

    /// A request without token or accept header.
    pub(crate) fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.mock.url()))
    }

    /// A request as Creator wants it.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let token = format!("Zoho-oauthtoken {}", self.token);
        self.plain(method, path).header("authorization", token).header("accept", "application/json")
    }

    pub(crate) async fn add(&self, body: &Value) -> Answer {
        answer(self.call(Method::POST, &format!("/creator/v2.1/data/{APP}/form/Tickets")).json(body)).await
    }

    /// Adds tickets with these ids and returns the record ids.
    pub(crate) async fn add_tickets(&self, ids: impl IntoIterator<Item = String>) -> Vec<String> {
        let rows: Vec<_> = ids.into_iter().map(|id| json!({"Ticket_ID": id})).collect();
        let (_, answer) = self.add(&json!({"data": rows})).await;
        let items = answer["result"].as_array().unwrap();
        items.iter().map(|item| item["data"]["ID"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn report(&self, query: &[(&str, &str)]) -> RequestBuilder {
        self.call(Method::GET, &format!("/creator/v2.1/data/{APP}/report/All_Tickets")).query(query)
    }

    pub(crate) async fn get(&self, query: &[(&str, &str)]) -> Answer {
        answer(self.report(query)).await
    }

    pub(crate) async fn one(&self, method: Method, id: &str, body: Option<&Value>) -> Answer {
        let request = self.call(method, &format!("/creator/v2.1/data/{APP}/report/All_Tickets/{id}"));
        answer(body.into_iter().fold(request, RequestBuilder::json)).await
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// Settings without quotas, for tests that make many calls.
pub(crate) fn unlimited() -> Settings {
    let limits = Limits { per_minute: 0, concurrent: 0, per_day: 0, ..Limits::default() };
    Settings { limits, tokens: TokenRules { per_window: 0, ..TokenRules::default() }, ..Settings::default() }
}

fn http() -> reqwest::Client {
    // Another test of the process may have been first; one provider is as good as the other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
