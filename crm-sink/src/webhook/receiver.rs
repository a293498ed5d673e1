//! The one call: POST a message. Any 2xx is a receipt; 410 means that the receiver wants no more; everything else is tried
//! again on the ladder.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{StatusCode, Url, header};
use serde_json::value::RawValue;

use super::{SYSTEM, WebhookSettings, message::message, signature::Secret};
use crate::{
    destination::{
        Created, Destination, Forecast, Looked, NoPermit, Paged, Parcel, Purpose, Refusal, Refused, Sought,
        Updated, Verdict,
    },
    dossier::Facts,
    metric,
    zoho::client::{http, retry_after},
};

/// Sends to one receiver.
#[derive(Debug)]
pub struct Receiver {
    http: reqwest::Client,
    url: Url,
    secret: Secret,
}

/// When a message is sent: part of what is signed.
#[derive(Debug)]
pub struct Permit(DateTime<Utc>);

/// What became of a message.
enum Receipt {
    Received,
    Refused(Refused),
    Unknown(&'static str),
}

impl Receiver {
    /// The receiver behind `settings`.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(settings: &WebhookSettings, timeout: Duration) -> anyhow::Result<Self> {
        Ok(Self { http: http(timeout)?, url: settings.address()?, secret: settings.secret()? })
    }

    async fn post(&self, Permit(now): Permit, parcel: &Parcel) -> Receipt {
        let (id, timestamp) = (format!("msg_{}", parcel.key), now.timestamp());
        let body = parcel.record.get().as_bytes();
        let request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secret.sign(&id, timestamp, body))
            .header("webhook-id", id)
            .body(body.to_vec());
        let receipt = match request.send().await {
            Ok(response) => read(response.status(), retry_after(&response)),
            Err(error) if error.is_connect() => Receipt::Refused(Refused::silently(Refusal::Passing)),
            Err(error) if error.is_timeout() => Receipt::Unknown("timeout"),
            Err(_) => Receipt::Unknown("connection-lost"),
        };
        metric::request(SYSTEM, "post", receipt.name());
        receipt
    }
}

fn read(status: StatusCode, retry_after: Option<Duration>) -> Receipt {
    let refused = |why| Receipt::Refused(Refused { why, code: status.as_u16(), retry_after });
    match status {
        _ if status.is_success() => Receipt::Received,
        StatusCode::GONE => refused(Refusal::Config),
        StatusCode::TOO_MANY_REQUESTS => refused(Refusal::Minute),
        StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => refused(Refusal::Minute),
        _ if status.is_server_error() => Receipt::Unknown("server-error"),
        _ => Receipt::Unknown("not-received"),
    }
}

impl Receipt {
    const fn name(&self) -> &'static str {
        match self {
            Self::Received => "done",
            Self::Refused(refused) => refused.why.name(),
            Self::Unknown(reason) => reason,
        }
    }
}

impl Destination for Receiver {
    type Permit = Permit;

    fn system(&self) -> &'static str {
        SYSTEM
    }

    fn batch_size(&self) -> usize {
        1
    }

    fn can_be_asked(&self) -> bool {
        false
    }

    fn record(&self, facts: &Facts, batch: Option<&str>) -> Result<Box<RawValue>, String> {
        serde_json::value::to_raw_value(&message(facts, batch.is_some()))
            .map_err(|_| "the message has no JSON form".to_owned())
    }

    /// Nobody counts: a receiver says when it is too much.
    async fn permit(&self, _: Purpose, now: DateTime<Utc>) -> Result<Permit, NoPermit> {
        Ok(Permit(now))
    }

    async fn create(&self, permit: Permit, parcels: &[Parcel]) -> Created {
        let [parcel] = parcels else { return Created::Spoiled("one message at a time".to_owned()) };
        match self.post(permit, parcel).await {
            Receipt::Received => Created::Judged(vec![Verdict::Created {
                record_id: format!("msg_{}", parcel.key),
                warned: false,
            }]),
            Receipt::Refused(refused) => Created::Refused(refused),
            Receipt::Unknown(reason) => Created::Unknown(reason),
        }
    }

    async fn update(&self, permit: Permit, _: &str, parcel: &Parcel) -> Updated {
        match self.post(permit, parcel).await {
            Receipt::Received => Updated::Done,
            Receipt::Refused(refused) => Updated::Refused(refused),
            Receipt::Unknown(reason) => Updated::Unknown(reason),
        }
    }

    async fn find(&self, _: Permit, _: &Sought) -> Looked {
        Looked::Unknown("cannot-be-asked")
    }

    async fn page(&self, _: Permit, _: Option<DateTime<Utc>>, _: Option<&str>) -> Paged {
        Paged::Unknown("cannot-be-asked")
    }

    async fn forecast(&self, _: DateTime<Utc>) -> Result<Option<Forecast>, NoPermit> {
        Ok(None)
    }

    async fn may_flush_early(&self, _: DateTime<Utc>) -> Result<bool, NoPermit> {
        Ok(true)
    }
}
