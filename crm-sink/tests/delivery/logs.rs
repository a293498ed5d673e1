//! What never stands in a log, whatever happens.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::http::StatusCode;
use crm_sink::reconciliation;
use schemas::work::Decision;
use secrecy::ExposeSecret as _;
use zoho_mock::Settings;

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
    webhook::{Hooks, SECRET},
};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// What this thread logs from now on, at every level.
    fn everything() -> (Self, tracing::subscriber::DefaultGuard) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// None of these, and nothing of what the tickets of these tests say.
    fn assert_without(&self, secrets: &[&str]) {
        for secret in ["ada@example.com", "Lovelace", "VPN drops"].iter().chain(secrets) {
            let line = self.text().lines().find(|line| line.contains(secret)).map(str::to_owned);
            assert_eq!(line, None, "{secret} is in the log");
        }
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_holds_personal_data_secrets_or_what_zoho_says() {
    let (captured, _guard) = Captured::everything();
    let mut desk = Desk::with(Settings::default(), PACE, &[]).await;
    desk.writer.analyzed("Plumbing").await;
    let tickets = desk.tickets(2).await;
    desk.proxy
        .spoil_add(Fault::Answer(200, r#"{"code":3001,"message":"Invalid column value ada@example.com"}"#));
    desk.proxy.spoil_add(Fault::CutAfter);
    desk.proxy.spoil_find(Fault::Answer(401, r#"{"code":1030,"description":"Authorization Failure."}"#));
    desk.settle().await;
    desk.writer.corrected(tickets[0], Decision::Category, "Cloud").await;
    desk.take_in().await;
    desk.proxy.spoil_update(Fault::Answer(
        200,
        r#"{"code":3002,"error":["Invalid column value ada@example.com"]}"#,
    ));
    reconciliation::ask(desk.pool(), "zoho", "ops", None, desk.now()).await.unwrap();
    desk.settle().await;
    let token = desk.client.tokens().get(desk.now()).await.unwrap();

    let log = captured.text();
    assert!(log.contains("a record stays out of date") && log.contains("CRM and log"));
    assert!(log.contains("parked") && log.contains("3001 Category"), "the log says what happened");
    captured.assert_without(&[
        "mock-secret",
        "mock-refresh-token",
        "Zoho-oauthtoken 1000.",
        "Invalid column",
        "Authorization Failure",
        "I know better",
        token.expose_secret(),
    ]);
}

#[tokio::test]
async fn no_log_line_holds_the_secret_or_the_body_of_a_webhook() {
    let (captured, _guard) = Captured::everything();
    let mut hooks = Hooks::new().await;
    hooks.ticket().await;
    hooks.inbox.answer(StatusCode::BAD_REQUEST, None);
    hooks.settle().await;
    assert!(captured.text().contains("to be sent again"));
    captured.assert_without(&[SECRET.trim_start_matches("whsec_"), "v1,"]);
}
