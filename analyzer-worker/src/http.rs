//! `POST /analyze`: a text to an answer, for clients that ask the analyzer directly. Nothing is stored. Rules answer where
//! the model cannot run; where it has enough to do, clients are asked to come back. Recordings take minutes to write down
//! and belong to tickets, so they are refused.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use schemas::analysis::AnalysisAnswer;
use serde::Deserialize;
use service_host::{Health, Problem, json::JsonBody};

use crate::{
    engine::{Engine, Request},
    metric, rules,
};

/// Characters a description may have.
const DESCRIPTION: std::ops::RangeInclusive<usize> = 1..=2000;
/// Characters a request type may have.
const REQUEST_TYPE: std::ops::RangeInclusive<usize> = 1..=50;
/// Bytes of a body: a recording of 10 MiB in base64 and the text, so that a recording is refused for what it is.
const BODY_LIMIT: usize = 14 * 1024 * 1024;

/// An answer from the text alone would pass for one about the recording, too.
const NO_RECORDINGS: &str = "recordings are not analyzed here: send the ticket with its recording to POST /api/tickets, \
                             which keeps it and has it written down";
/// Seconds after which a client that was sent away may try again.
const RETRY_AFTER: u32 = 1;

/// What to analyze.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnalyzeBody {
    description: String,
    request_type: String,
    /// Clients may send it to both services; only a ticket's recording is written down.
    #[serde(default)]
    audio_base64: Option<String>,
}

/// Every route of the service.
pub fn router(engine: Engine, health: Health) -> Router {
    let analyze = post(analyze).layer(DefaultBodyLimit::max(BODY_LIMIT));
    Router::new().route("/analyze", analyze).with_state(engine).merge(health.router())
}

async fn analyze(
    State(engine): State<Engine>,
    JsonBody { value: body, .. }: JsonBody<AnalyzeBody>,
) -> Result<Json<AnalysisAnswer>, Problem> {
    let request = body.check()?;
    let analysis = match engine.try_analyze(request.clone()).await {
        Ok(analyzed) => analyzed.analysis,
        Err(error) if error.is_busy() => {
            return Err(
                Problem::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()).retry_after(RETRY_AFTER)
            );
        }
        Err(error) => {
            tracing::error!(%error, "rules answer for the model");
            rules::degraded(&request)
        }
    };
    metric::answered(&analysis);
    Ok(Json(analysis.into()))
}

impl AnalyzeBody {
    fn check(self) -> Result<Request, Problem> {
        let mut problem = Problem::new(StatusCode::BAD_REQUEST, "the ticket cannot be analyzed as it is");
        let mut is_valid = true;
        for (field, text, allowed) in [
            ("description", &self.description, DESCRIPTION),
            ("requestType", &self.request_type, REQUEST_TYPE),
        ] {
            if text.trim().is_empty() || !allowed.contains(&text.chars().count()) {
                let (least, most) = allowed.into_inner();
                problem = problem.with_detail(field, format!("must have {least} to {most} characters"));
                is_valid = false;
            }
        }
        if !is_valid {
            return Err(problem);
        }
        if self.audio_base64.is_some_and(|recording| !recording.trim().is_empty()) {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, NO_RECORDINGS)
                .with_detail("audioBase64", "must be null or left out"));
        }
        Ok(Request { description: self.description, request_type: self.request_type })
    }
}
