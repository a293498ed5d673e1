//! The calls. Each makes exactly one request; nothing is ever sent twice behind the lane's back.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use reqwest::{RequestBuilder, Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, value::RawValue};

use super::{
    Answer, SYSTEM, ZohoSettings,
    budget::Budget,
    code::{Class, classify},
    form::{self, Field},
    form_memory::FormMemory,
    found,
    judge::{self, judge, named, reason},
    mapping::Mapping,
    record::record,
    request::{self, AddRecords, MAX_RECORDS, UpdateRecord},
    settings::{Endpoints, Environment, Workflow},
    token::Tokens,
};
use crate::{
    destination::{
        Created, Destination, Forecast, Looked, NoPermit, Paged, Parcel, Purpose, Refusal, Refused, Sought,
        Updated, Verdict,
    },
    dossier::Facts,
    metric,
};

pub use super::token::Vault;

/// For the name to resolve, the connection to stand, and TLS to be agreed on.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer. 200 results take 30 KB, 1000 rows 100 KB.
const BODY_LIMIT: usize = 1024 * 1024;
/// Rows of a look-up; Creator takes 200, 500 and 1000 only. More than a batch, so that a full page is suspicious.
const MAX_ROWS: usize = 500;
/// Rows of a page.
const PAGE: usize = 1000;
/// Where Creator names the place to go on from.
const CURSOR: &str = "record_cursor";

/// Talks to one form of one account.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoints: Endpoints,
    environment: Option<Environment>,
    mapping: Mapping,
    form_memory: FormMemory,
    skip_workflow: Vec<Workflow>,
    tokens: Tokens,
    budget: Budget,
}

/// What a call needs: a token, and its place among the calls of this minute and day. Used up by the call.
#[derive(Debug)]
pub struct Permit {
    token: SecretString,
    now: DateTime<Utc>,
}

/// An answer with what its headers say.
struct Answered {
    answer: Answer,
    cursor: Option<String>,
}

impl Client {
    /// A client of the account behind `settings`; it connects with the first call. A request that takes longer than
    /// `timeout` is given up.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(settings: &ZohoSettings, timeout: Duration, vault: Vault) -> anyhow::Result<Self> {
        let http = http(timeout)?;
        let (endpoints, mapping) = (settings.endpoints()?, Mapping::read(settings.mapping_file.as_deref())?);
        let (daily, early) = (settings.daily_calls, settings.early_flushes);
        let budget = Budget::new(vault.pool.clone(), daily, early, settings.time_zone.clone());
        let environment = settings.environment;
        let form_memory =
            FormMemory::new(vault.pool.clone(), endpoints.fields.as_str(), environment, &mapping);
        let tokens = Tokens::new(http.clone(), endpoints.clone(), settings.credentials()?, vault);
        let skip_workflow = settings.skip_workflow.clone();
        Ok(Self { http, endpoints, environment, mapping, form_memory, skip_workflow, tokens, budget })
    }

    /// The access token's keeper, for the health answer.
    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What is left of today's calls.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Which item goes into which field.
    #[must_use]
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What came of asking for the form.
    #[must_use]
    pub const fn form_memory(&self) -> &FormMemory {
        &self.form_memory
    }

    /// Get Fields: the form as it is.
    ///
    /// # Errors
    /// What else was answered.
    pub async fn fields(&self, permit: Permit) -> Result<Vec<Field>, Answer> {
        let request = self.http.get(self.endpoints.fields.clone());
        match self.send("fields", permit, request).await.answer {
            Answer::Done(body) => form::fields(&body).ok_or(Answer::Unknown("no-list-of-fields")),
            answer => Err(answer),
        }
    }

    async fn add(&self, permit: Permit, records: Vec<&RawValue>) -> Answer {
        let body = AddRecords::new(&self.mapping, records, &self.skip_workflow);
        self.send("add", permit, self.http.post(self.endpoints.form.clone()).json(&body)).await.answer
    }

    async fn get(
        &self,
        permit: Permit,
        criteria: Option<String>,
        rows: usize,
        cursor: Option<&str>,
    ) -> Answered {
        let query = [
            ("field_config", "custom".to_owned()),
            ("fields", request::columns(&self.mapping)),
            ("max_records", rows.to_string()),
        ];
        let mut request = self.http.get(self.endpoints.report.clone()).query(&query);
        if let Some(criteria) = criteria {
            request = request.query(&[("criteria", criteria)]);
        }
        if let Some(cursor) = cursor {
            request = request.header(CURSOR, cursor);
        }
        self.send("find", permit, request).await
    }

    async fn send(&self, call: &'static str, permit: Permit, request: RequestBuilder) -> Answered {
        let Permit { token, now } = permit;
        let mut authorization =
            header::HeaderValue::try_from(format!("Zoho-oauthtoken {}", token.expose_secret()))
                .unwrap_or(header::HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        let mut request = request
            .header(header::AUTHORIZATION, authorization)
            // Exactly this: a list, or `*/*`, is refused with 9210.
            .header(header::ACCEPT, "application/json");
        if let Some(environment) = self.environment {
            request = request.header("environment", environment.name());
        }
        let answered = answer(request.send().await).await;
        metric::request(SYSTEM, call, answered.answer.name());
        self.learn(&answered.answer, &token, now).await;
        answered
    }

    /// What an answer says about more than the call. What cannot be written down now will be said again.
    async fn learn(&self, answer: &Answer, token: &SecretString, now: DateTime<Utc>) {
        let Answer::Refused(Refused { why, .. }) = answer else { return };
        let learnt = match why {
            Refusal::Token => self.tokens.discard(token).await,
            Refusal::Day => self.budget.exhaust(now).await,
            _ => Ok(()),
        };
        if let Err(error) = learnt {
            tracing::warn!(%error, "what an answer of Zoho says cannot be written down");
        }
    }

    /// What the form takes may be another thing than when it was asked for.
    async fn doubt_form(&self) {
        if let Err(error) = self.form_memory.doubt().await {
            tracing::warn!(%error, "what an answer of Zoho says cannot be written down");
        }
    }
}

/// An HTTP client that follows nothing, repeats nothing, and keeps no connection.
pub(crate) fn http(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // Installing it a second time in one process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
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
        .context("cannot set up the HTTP client")
}

impl Destination for Client {
    type Permit = Permit;

    fn system(&self) -> &'static str {
        SYSTEM
    }

    fn batch_size(&self) -> usize {
        MAX_RECORDS
    }

    fn can_be_asked(&self) -> bool {
        true
    }

    fn record(&self, facts: &Facts, batch: Option<&str>) -> Result<Box<RawValue>, String> {
        let record = record(&self.mapping, facts, batch)?;
        serde_json::value::to_raw_value(&record).map_err(|_| "the record has no JSON form".to_owned())
    }

    async fn permit(&self, purpose: Purpose, now: DateTime<Utc>) -> Result<Permit, NoPermit> {
        let token = self.tokens.get(now).await?;
        self.budget.take(purpose, now).await?;
        Ok(Permit { token, now })
    }

    async fn create(&self, permit: Permit, parcels: &[Parcel]) -> Created {
        let records = parcels.iter().map(|parcel| &*parcel.record).collect();
        match self.add(permit, records).await {
            Answer::Done(body) => {
                let created = created(&self.mapping, parcels, &body);
                if refuses_values(&created) {
                    self.doubt_form().await;
                }
                created
            }
            Answer::Refused(Refused { why: Refusal::Defect, code, .. }) => {
                Created::Spoiled(reason(code, &[]))
            }
            Answer::Refused(refused) => Created::Refused(refused),
            Answer::NoRows | Answer::Gone => Created::Unknown("not-an-answer"),
            Answer::Unknown(reason) => Created::Unknown(reason),
        }
    }

    async fn update(&self, permit: Permit, record_id: &str, parcel: &Parcel) -> Updated {
        let mut url = self.endpoints.report.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(record_id);
        }
        let request = self.http.patch(url).json(&UpdateRecord::new(&parcel.record, &self.skip_workflow));
        match self.send("update", permit, request).await.answer {
            Answer::Done(body) => {
                let updated = updated(&self.mapping, record_id, &body);
                if matches!(updated, Updated::Rejected(_)) {
                    self.doubt_form().await;
                }
                updated
            }
            Answer::Gone => Updated::Gone,
            Answer::Refused(Refused { why: Refusal::Defect, code, .. }) => {
                Updated::Rejected(reason(code, &[]))
            }
            Answer::Refused(refused) => Updated::Refused(refused),
            Answer::NoRows => Updated::Unknown("not-an-answer"),
            Answer::Unknown(reason) => Updated::Unknown(reason),
        }
    }

    async fn find(&self, permit: Permit, sought: &Sought) -> Looked {
        let criteria = match sought {
            Sought::Batch(batch) => request::of_batch(&self.mapping, batch),
            Sought::Tickets(tickets) => request::of_tickets(&self.mapping, tickets),
        };
        let rows = match self.get(permit, Some(criteria), MAX_ROWS, None).await.answer {
            Answer::Done(body) => found::rows(&self.mapping, &body),
            Answer::NoRows => Some(vec![]),
            Answer::Refused(refused) => return Looked::Refused(refused),
            Answer::Gone => None,
            Answer::Unknown(reason) => return Looked::Unknown(reason),
        };
        // A page that is full may have left out the one we look for.
        rows.filter(|rows| rows.len() < MAX_ROWS).map_or(Looked::Unknown("not-a-list"), Looked::Rows)
    }

    async fn page(&self, permit: Permit, since: Option<DateTime<Utc>>, cursor: Option<&str>) -> Paged {
        let criteria = match since {
            Some(since) => match self.budget.day_of(since).await {
                Ok(day) => Some(request::since(&day)),
                Err(_) => return Paged::Unknown("no-clock"),
            },
            None => None,
        };
        let Answered { answer, cursor: next } = self.get(permit, criteria, PAGE, cursor).await;
        match answer {
            Answer::Done(body) => match found::page(&self.mapping, &body) {
                Some(page) => match place_to_go_on(page.len(), cursor, next) {
                    Ok(next) => Paged::Page(page, next),
                    Err(reason) => Paged::Unknown(reason),
                },
                None => Paged::Unknown("not-a-list"),
            },
            Answer::NoRows => Paged::Page(vec![], None),
            Answer::Refused(refused) => Paged::Refused(refused),
            Answer::Gone => Paged::Unknown("not-a-list"),
            Answer::Unknown(reason) => Paged::Unknown(reason),
        }
    }

    async fn forecast(&self, now: DateTime<Utc>) -> Result<Option<Forecast>, NoPermit> {
        Ok(Some(self.budget.forecast(now).await?))
    }

    async fn may_flush_early(&self, now: DateTime<Utc>) -> Result<bool, NoPermit> {
        self.budget.take_early_flush(now).await
    }
}

/// A batch is judged record by record. A refusal that names none of several records is one of the whole batch.
fn created(mapping: &Mapping, parcels: &[Parcel], body: &Value) -> Created {
    let tickets: Vec<_> = parcels.iter().map(|parcel| parcel.ticket).collect();
    if let Some(verdicts) = judge(mapping, &tickets, body) {
        return Created::Judged(verdicts);
    }
    match refused_record(mapping, body) {
        Some(reason) if !body["result"].is_array() => Created::Spoiled(reason),
        _ => Created::Unknown("not-about-this-batch"),
    }
}

/// A short page is the last one, whatever its headers say. The same page for ever would take all of the day's calls.
fn place_to_go_on(
    rows: usize,
    came_from: Option<&str>,
    next: Option<String>,
) -> Result<Option<String>, &'static str> {
    match next {
        Some(next) if rows >= PAGE && Some(next.as_str()) == came_from => Err("cursor-stands-still"),
        next => Ok(next.filter(|_| rows >= PAGE)),
    }
}

fn refuses_values(created: &Created) -> bool {
    match created {
        Created::Judged(verdicts) => {
            verdicts.iter().any(|verdict| matches!(verdict, Verdict::Refused(_) | Verdict::Doubtful(_)))
        }
        Created::Spoiled(_) => true,
        Created::Refused(_) | Created::Unknown(_) => false,
    }
}

/// Only an answer that names the record says that it was changed.
fn updated(mapping: &Mapping, record_id: &str, body: &Value) -> Updated {
    match refused_record(mapping, body) {
        Some(reason) => Updated::Rejected(reason),
        None if judge::record_id(&body["data"]["ID"]).as_deref() == Some(record_id) => Updated::Done,
        None => Updated::Unknown("not-about-this-record"),
    }
}

/// The code and fields of an answer that refuses what a record says; none where a record stands behind it.
fn refused_record(mapping: &Mapping, body: &Value) -> Option<String> {
    let code = u16::try_from(body["code"].as_u64()?).ok()?;
    let refuses = classify(code, "") == Class::Record && body["data"]["ID"].is_null();
    refuses.then(|| reason(code, &named(mapping, &body["error"])))
}

async fn answer(sent: reqwest::Result<Response>) -> Answered {
    let without = |answer| Answered { answer, cursor: None };
    let response = match sent {
        Ok(response) => response,
        // No connection, no request: nothing can have happened.
        Err(error) if error.is_connect() => {
            return without(Answer::Refused(Refused::silently(Refusal::Passing)));
        }
        Err(error) if error.is_builder() => {
            return without(Answer::Refused(Refused::silently(Refusal::Defect)));
        }
        Err(error) if error.is_timeout() => return without(Answer::Unknown("timeout")),
        Err(_) => return without(Answer::Unknown("connection-lost")),
    };
    let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
    let cursor = response.headers().get(CURSOR).and_then(|cursor| cursor.to_str().ok()).map(str::to_owned);
    match body(response).await {
        Ok(bytes) => Answered { answer: Answer::read(status, retry_after, &bytes), cursor },
        Err(reason) => without(Answer::Unknown(reason)),
    }
}

/// Seconds; the form with a date is used by nobody here.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The whole body, up to the limit.
pub(crate) async fn body(mut response: Response) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "answer-cut-off")? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_LIMIT {
            return Err("answer-too-long");
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_and_never_go_round() {
        let next = |rows, came_from: Option<&str>, next: &str| {
            place_to_go_on(rows, came_from, Some(next.to_owned()))
        };
        assert_eq!(next(PAGE, None, "a"), Ok(Some("a".to_owned())));
        assert_eq!(next(PAGE, Some("a"), "b"), Ok(Some("b".to_owned())));
        assert_eq!(next(PAGE, Some("a"), "a"), Err("cursor-stands-still"));
        assert_eq!(next(PAGE - 1, Some("a"), "a"), Ok(None));
        assert_eq!(place_to_go_on(PAGE, Some("a"), None), Ok(None));
    }
}
