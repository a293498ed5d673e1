//! `POST /api/tickets`: append first, answer at once; the analysis follows, or is waited for where the client asks.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use event_store::{AppendError, Appended};
use schemars::JsonSchema;
use schemas::{Position, TicketId, Version, analysis::AnalysisAnswer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service_host::{Problem, json::JsonBody};
use ticket::submission::Submission;

use super::{AppState, IDEMPOTENCY_REPLAYED, broken, headers::idempotency_key, invalid, key_reused, text};
use crate::{
    analysis_wait, audio,
    intake::{self, IntakeError, Recording},
    trace,
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The longest wait for an analysis that is granted.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The body, exactly as clients of document 000 send it. The order of the fields is the order in the fingerprint.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = require_fields)]
pub struct SubmitBody {
    // A field that is missing is reported with all other wrong fields, as one that is empty.
    #[serde(default)]
    #[schemars(schema_with = "text::name")]
    name: String,
    #[serde(default)]
    #[schemars(schema_with = "text::email")]
    email: String,
    #[serde(default)]
    #[schemars(schema_with = "text::request_type")]
    request_type: String,
    #[serde(default)]
    #[schemars(schema_with = "text::description")]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::audio")]
    audio_base64: Option<String>,
}

/// Fields that may be missing to serde, so that all problems are named at once, are still required.
fn require_fields(schema: &mut schemars::Schema) {
    schema.insert("required".to_owned(), json!(["name", "email", "requestType", "description"]));
    for field in
        schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        field.as_object_mut().map(|field| field.remove("default"));
    }
}

/// Takes a ticket in.
///
/// # Errors
/// 400 with every wrong field, 413 for a body too large, 422 for an idempotency key used for another body, 503 while
/// the log is away.
pub async fn submit(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: JsonBody<SubmitBody>,
) -> Result<Response, Problem> {
    let preference = Preference::read(&headers);
    let key = idempotency_key(&headers)?;
    if body.value.audio_base64.is_none() && body.bytes.len() > service_host::http::BODY_LIMIT {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a body without audio has at most 64 KiB"));
    }
    let (submission, recording) = parse(&state, &body.value)?;
    let request = intake::Request {
        idempotency: key
            .map(|key| intake::fingerprint(key, &body.value))
            .transpose()
            .map_err(|_| broken())?,
        traceparent: trace::of_request(&headers),
        submission: &submission,
        recording,
    };
    let hints = match preference.wait {
        Some(_) => state.bus.appended_hints().await.ok(),
        None => None,
    };
    let accepted = intake::accept(&state.store, &state.keys, request).await?;
    let analysis = match preference.wait {
        Some(patience) => {
            analysis_wait::analysis(&state.store, &state.keys, accepted.ticket, hints, patience).await
        }
        None => None,
    };
    Ok(answer(submission, accepted, analysis, preference))
}

fn parse(state: &AppState, body: &SubmitBody) -> Result<(Submission, Option<Recording>), Problem> {
    let submission = Submission::parse(
        &body.name,
        &body.email,
        &body.request_type,
        &body.description,
        &state.request_types,
    );
    let recording = body.audio_base64.as_deref().map(audio::parse).transpose();
    match (submission, recording) {
        (Ok(submission), Ok(recording)) => Ok((submission, recording)),
        (submission, recording) => {
            let violations = submission.err().unwrap_or_default().into_iter().chain(recording.err());
            Err(invalid(violations))
        }
    }
}

/// The answer to a ticket that was taken in.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubmitAnswer {
    success: bool,
    data: AcceptedTicket,
    ai_analysis: Option<AnalysisAnswer>,
}

/// What the client gave, and the ticket's place in the log.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AcceptedTicket {
    id: TicketId,
    /// The position: unique and ascending, not consecutive.
    number: Position,
    position: Position,
    version: Version,
    name: String,
    email: String,
    request_type: String,
    description: String,
    status: &'static str,
    created_at: DateTime<Utc>,
    url: String,
}

impl AcceptedTicket {
    fn new(submission: Submission, accepted: Appended) -> Self {
        Self {
            id: accepted.ticket,
            number: accepted.position,
            position: accepted.position,
            version: accepted.version,
            name: submission.name,
            email: submission.email,
            request_type: submission.request_type,
            description: submission.description,
            status: "open",
            created_at: accepted.time,
            url: format!("/api/tickets/{}", accepted.ticket),
        }
    }
}

fn answer(
    submission: Submission,
    accepted: Appended,
    ai_analysis: Option<AnalysisAnswer>,
    preference: Preference,
) -> Response {
    let data = AcceptedTicket::new(submission, accepted);
    let location = HeaderValue::try_from(&data.url).ok();
    let status = if preference.respond_async { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let mut response = (status, Json(SubmitAnswer { success: true, data, ai_analysis })).into_response();
    let headers = response.headers_mut();
    headers.extend(location.map(|location| (header::LOCATION, location)));
    headers.extend(preference.applied());
    if accepted.replayed {
        headers.extend([IDEMPOTENCY_REPLAYED]);
    }
    response
}

/// What the client prefers (RFC 7240); preferences we do not know are ignored, as the standard asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Preference {
    wait: Option<Duration>,
    respond_async: bool,
}

impl Preference {
    fn read(headers: &HeaderMap) -> Self {
        let mut preference = Self::default();
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        for token in values.flat_map(|value| value.split(',')).map(str::trim) {
            if token.eq_ignore_ascii_case("respond-async") {
                preference.respond_async = true;
            } else if let Some(seconds) = token.strip_prefix("wait=").and_then(|seconds| seconds.parse().ok())
            {
                preference.wait = Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
            }
        }
        if preference.respond_async {
            preference.wait = None;
        }
        preference
    }

    fn applied(self) -> Option<(HeaderName, HeaderValue)> {
        let applied = match self {
            Self { respond_async: true, .. } => "respond-async".to_owned(),
            Self { wait: Some(patience), .. } => format!("wait={}", patience.as_secs()),
            Self { .. } => return None,
        };
        Some((HeaderName::from_static("preference-applied"), HeaderValue::try_from(applied).ok()?))
    }
}

/// The one place where a failed intake becomes a status.
impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match &error {
            IntakeError::Append(AppendError::KeyReused) => key_reused(),
            IntakeError::Append(AppendError::Unavailable(_))
            | IntakeError::Keys(event_store::personal_keys::KeyError::Store(_)) => {
                tracing::warn!(cause = format!("{:#}", anyhow::Error::from(error)), "intake is unavailable");
                Self::unavailable(
                    "the ticket was not confirmed; send it again with the same Idempotency-Key",
                    2,
                )
            }
            _ => {
                tracing::error!(cause = format!("{:#}", anyhow::Error::from(error)), "intake failed");
                broken()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(value: &'static str) -> Preference {
        Preference::read(&HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]))
    }

    #[test]
    fn a_wait_is_granted_up_to_its_limit() {
        assert_eq!(preference("wait=5").wait, Some(Duration::from_secs(5)));
        assert_eq!(preference("handling=lenient, wait=3600").wait, Some(LONGEST_WAIT));
        assert_eq!(preference("wait=soon"), Preference::default());
    }

    #[test]
    fn who_prefers_to_go_on_does_not_wait() {
        assert_eq!(preference("respond-async, wait=5"), Preference { wait: None, respond_async: true });
    }
}
