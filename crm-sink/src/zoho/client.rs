//! The two calls: Add Records and Get Records. Each method makes exactly one request; nothing is ever sent twice behind
//! the lane's back.

use std::{sync::PoisonError, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use reqwest::{RequestBuilder, Response, header};
use schemas::TicketId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;

use super::{
    Answer, Refusal, Refused, ZohoSettings,
    rate::Bucket,
    request::{self, AddRecords},
    settings::Endpoints,
    token::{NoToken, Tokens},
};
use crate::metric;

/// For the name to resolve, the connection to stand, and TLS to be agreed on.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer. 200 results take 30 KB, 500 rows 50 KB.
const BODY_LIMIT: usize = 1024 * 1024;
/// Rows of a look-up; Creator takes 200, 500 and 1000 only. More than a batch, so that a full page is suspicious.
pub const MAX_ROWS: usize = 500;

/// Talks to one form of one account.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoints: Endpoints,
    tokens: Tokens,
    bucket: std::sync::Mutex<Bucket>,
}

/// What a call needs: a token, and its place among the calls of this minute. Used up by the call.
#[derive(Debug)]
pub struct Permit(SecretString);

impl Client {
    /// A client of the account behind `settings`; it connects with the first call. A request that takes longer than
    /// `timeout` is given up.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(settings: &ZohoSettings, timeout: Duration) -> anyhow::Result<Self> {
        // Installing it a second time in one process changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(CONNECT)
            // A token goes to the host that was checked and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A repeated POST is a duplicate in the making. Kept connections may be closed under a request; at 45 calls a
            // minute new ones cost nothing.
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .build()
            .context("cannot set up the HTTP client")?;
        let endpoints = settings.endpoints()?;
        let tokens = Tokens::new(http.clone(), endpoints.clone(), settings.credentials()?);
        Ok(Self { http, endpoints, tokens, bucket: std::sync::Mutex::default() })
    }

    /// The access token's keeper, for the health answer.
    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// A permit for one call. Asked for before anything is written down, so that a lack of one leaves no trace.
    ///
    /// # Errors
    /// As [`NoToken`]; also when this minute's calls are used up.
    pub async fn permit(&self, now: DateTime<Utc>) -> Result<Permit, NoToken> {
        let token = self.tokens.get(now).await?;
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(now).map_err(NoToken::NotBefore)?;
        Ok(Permit(token))
    }

    /// Add Records.
    pub async fn add(&self, permit: Permit, records: &[Box<RawValue>]) -> Answer {
        let request = self.http.post(self.endpoints.form.clone()).json(&AddRecords::new(records));
        self.send("add", permit, request).await
    }

    /// Get Records of a batch.
    pub async fn find_batch(&self, permit: Permit, batch: &str) -> Answer {
        self.find(permit, request::of_batch(batch)).await
    }

    /// Get Records of up to [`request::MAX_CRITERIA`] tickets.
    pub async fn find_tickets(&self, permit: Permit, tickets: &[TicketId]) -> Answer {
        self.find(permit, request::of_tickets(tickets)).await
    }

    async fn find(&self, permit: Permit, criteria: String) -> Answer {
        let query = [
            ("criteria", criteria),
            ("field_config", "custom".to_owned()),
            ("fields", request::COLUMNS.to_owned()),
            ("max_records", MAX_ROWS.to_string()),
        ];
        let request = self.http.get(self.endpoints.report.clone()).query(&query);
        self.send("find", permit, request).await
    }

    async fn send(&self, call: &'static str, Permit(token): Permit, request: RequestBuilder) -> Answer {
        let mut authorization =
            header::HeaderValue::try_from(format!("Zoho-oauthtoken {}", token.expose_secret()))
                .unwrap_or(header::HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        let request = request
            .header(header::AUTHORIZATION, authorization)
            // Exactly this: a list, or `*/*`, is refused with 9210.
            .header(header::ACCEPT, "application/json");
        let answer = answer(request.send().await).await;
        if matches!(answer, Answer::Refused(Refused { why: Refusal::Token, .. })) {
            self.tokens.discard(&token).await;
        }
        metric::request(call, answer.name());
        answer
    }
}

async fn answer(sent: reqwest::Result<Response>) -> Answer {
    let response = match sent {
        Ok(response) => response,
        // No connection, no request: nothing can have happened.
        Err(error) if error.is_connect() => return Answer::Refused(Refused::silently(Refusal::Passing)),
        Err(error) if error.is_builder() => return Answer::Refused(Refused::silently(Refusal::Defect)),
        Err(error) if error.is_timeout() => return Answer::Unknown("timeout"),
        Err(_) => return Answer::Unknown("connection-lost"),
    };
    let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
    match body(response).await {
        Ok(bytes) => Answer::read(status, retry_after, &bytes),
        Err(reason) => Answer::Unknown(reason),
    }
}

/// Seconds; the form with a date is used by nobody here.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The whole body, up to the limit.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "answer-cut-off")? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_LIMIT {
            return Err("answer-too-long");
        }
    }
    Ok(bytes)
}
