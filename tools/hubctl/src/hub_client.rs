//! Asks the hub over HTTP, as any client would.

use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

const TIMEOUT: Duration = Duration::from_secs(15);

/// A client of one hub.
pub(crate) struct HubClient {
    url: String,
    http: reqwest::Client,
}

/// A ticket to hand in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    name: String,
    email: String,
    request_type: String,
    description: String,
}

/// Where a ticket was accepted.
#[derive(Deserialize)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) position: i64,
}

/// What is shown of a ticket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) request_type: String,
    pub(crate) category: Option<String>,
    pub(crate) priority: Option<String>,
    pub(crate) sentiment: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) needs_review: Option<bool>,
    pub(crate) crm: Crm,
}

/// The ticket's state in the CRM.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Crm {
    pub(crate) system: Option<String>,
    pub(crate) record_id: Option<String>,
    pub(crate) status: String,
}

/// A ticket's way.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Journey {
    pub(crate) hops: Vec<Hop>,
    pub(crate) complete: bool,
    pub(crate) total_ms: Option<f64>,
}

/// One step of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hop {
    pub(crate) name: String,
    pub(crate) position: i64,
    pub(crate) at: String,
    pub(crate) since_previous_ms: f64,
    pub(crate) since_submit_ms: f64,
    pub(crate) details: Option<serde_json::Value>,
}

/// Every answer of the query API.
#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

impl Ticket {
    /// Whether its CRM record exists.
    pub(crate) fn is_delivered(&self) -> bool {
        self.crm.record_id.is_some()
    }
}

impl HubClient {
    /// A client of the hub at `url`.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        // Needed once per process; a second call finds the first one's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http })
    }

    /// Hands in a ticket, once: the idempotency key is made of its content.
    pub(crate) async fn submit(&self, sample: &Sample) -> anyhow::Result<Accepted> {
        let key = format!("sample-{}", hex::encode(Sha256::digest(serde_json::to_vec(sample)?)));
        let request =
            self.http.post(format!("{}/api/tickets", self.url)).header("Idempotency-Key", key).json(sample);
        self.answer(request).await.context("handing in a ticket")
    }

    /// The ticket as the read model shows it, once that has come to `position`.
    pub(crate) async fn ticket(&self, id: &str, position: i64) -> anyhow::Result<Ticket> {
        let request =
            self.http.get(format!("{}/api/tickets/{id}", self.url)).query(&[("minPosition", position)]);
        self.answer(request).await.with_context(|| format!("asking for the ticket {id}"))
    }

    /// The ticket's way so far.
    pub(crate) async fn journey(&self, id: &str) -> anyhow::Result<Journey> {
        let request = self.http.get(format!("{}/api/tickets/{id}/journey", self.url));
        self.answer(request).await.with_context(|| format!("asking for the journey of {id}"))
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let response =
            request.send().await.with_context(|| format!("no answer at {}: is the hub up?", self.url))?;
        let status = response.status();
        let body = response.text().await?;
        if !status.is_success() {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            anyhow::bail!("{status}: {}", problem["detail"].as_str().unwrap_or("no explanation"));
        }
        let answer: Answer<T> =
            serde_json::from_str(&body).context("an answer this hubctl does not understand")?;
        Ok(answer.data)
    }
}
