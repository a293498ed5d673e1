//! `GET /api/analytics/times`, `topics`, `confusion` and `sessions`: figures of a period, or as of a time.

use axum::{extract::State, http::HeaderMap, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_host::{Problem, query::QueryParams};

use crate::{
    http::{
        AppState,
        answer::Answer,
        etag,
        freshness::{MinPosition, wait_for},
        parameter::{Moment, Within},
        period::{Period, PeriodParams, period_params},
        statistics::figures,
    },
    queries::{
        counters::Counter,
        statistics::{Counts, Topic, Waiting, share},
    },
    statistics::count::dimension,
};

/// The query parameters; of topics, which are personal data, no history is kept to look back to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicParams {
    /// Topics at most.
    limit: Option<Within<1, 200>>,
    /// Tickets submitted at or after this time, widened to the full hour.
    from: Option<Moment>,
    /// Tickets submitted before this time, widened to the full hour.
    to: Option<Moment>,
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
}

period_params! {
    /// The query parameters.
    pub struct ConfusionParams {
        /// What is compared: what requesters picked with what the analyzer decided, or what the analyzer decided with what
        /// people corrected it to.
        of: Option<Comparison>,
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the decisions that can be corrected")]
pub enum Comparison {
    /// The request type with the category.
    #[default]
    Requested,
    Category,
    Priority,
    Kind,
    Sentiment,
    Emotion,
    Urgency,
    Route,
    Language,
}

/// How long tickets wait.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    period: Period,
    /// From the submission to the first analysis.
    time_to_analysis_ms: Waiting,
    /// From the submission to the CRM record.
    time_to_crm_ms: Waiting,
    /// From the submission to the resolution that holds.
    time_to_resolution_ms: Waiting,
    /// Resolved tickets out of all.
    resolution_rate: Option<f64>,
    /// Reopened tickets out of the resolved ones.
    reopen_rate: Option<f64>,
}

/// What tickets name.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Topics {
    period: Period,
    /// The most frequent first.
    topics: Vec<Topic>,
}

/// What was decided, and what it should have been.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confusion {
    period: Period,
    of: Comparison,
    /// Tickets in both.
    tickets: i64,
    /// Of the request type: tickets in which both agree, out of all; of corrections: null, as only what was wrong is
    /// corrected.
    agreement: Option<f64>,
    /// Pairs of labels, the most frequent first.
    pairs: Vec<Pair>,
}

/// Two labels of the same tickets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pair {
    /// What the requester picked, or the analyzer decided.
    from: String,
    /// What the analyzer decided, or a person corrected it to.
    to: String,
    /// How many tickets.
    tickets: i64,
}

/// Support sessions, which are tickets: the figures of an older dashboard under its names.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sessions {
    period: Period,
    /// All tickets.
    #[serde(rename = "totalSessions")]
    total: i64,
    /// From the submission to the resolution, on average; null while none is resolved.
    average_duration_ms: Option<f64>,
    /// Resolved tickets out of all.
    resolution_rate: Option<f64>,
    /// 1 to 5, on average.
    satisfaction: Option<f64>,
    /// Tickets that were reopened, out of all.
    escalation_rate: Option<f64>,
    /// Tickets per support channel.
    by_channel: Counts,
    /// What most tickets name; empty where `asOf` looks back.
    top_topics: Vec<Topic>,
}

/// Waiting times.
///
/// # Errors
/// 400 for a period that is none, 503 while the read model is away, 504 when `minPosition` is not reached.
pub async fn times(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<PeriodParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = params.period(&state).await?;
    let wanted = [
        dimension::TICKETS,
        dimension::RESOLVED,
        dimension::REOPENED,
        dimension::TIME_TO_ANALYSIS,
        dimension::TIME_TO_CRM,
        dimension::TIME_TO_RESOLUTION,
    ];
    let figures = figures(&state, &mut period, &wanted).await?;
    let resolved = figures.total(dimension::RESOLVED);
    let times = Times {
        period,
        time_to_analysis_ms: figures.waiting(dimension::TIME_TO_ANALYSIS),
        time_to_crm_ms: figures.waiting(dimension::TIME_TO_CRM),
        time_to_resolution_ms: figures.waiting(dimension::TIME_TO_RESOLUTION),
        resolution_rate: share(resolved as f64, figures.total(dimension::TICKETS)),
        reopen_rate: share(figures.total(dimension::REOPENED) as f64, resolved),
    };
    etag::tagged_json(&headers, &Answer::new(times))
}

/// Topics.
///
/// # Errors
/// As [`times`].
pub async fn topics(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<TopicParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = Period::of(params.from, params.to, None)?;
    wait_for(&state, &[&state.progress], params.min_position).await?;
    let figures = figures(&state, &mut period, &[dimension::PRODUCT, dimension::ERROR_CODE]).await?;
    let limit = params.limit.map_or(20, |limit| limit.0 as usize);
    etag::tagged_json(&headers, &Answer::new(Topics { period, topics: figures.topics(limit) }))
}

/// Confusion.
///
/// # Errors
/// As [`times`].
pub async fn confusion(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<ConfusionParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = params.period(&state).await?;
    let of = params.of.unwrap_or_default();
    let figures = figures(&state, &mut period, &[of.dimension()]).await?;
    let tickets = figures.total(of.dimension());
    let agreeing: i64 =
        figures.counters(of.dimension()).filter(|pair| pair.label == pair.other).map(|pair| pair.count).sum();
    let agreement = share(agreeing as f64, tickets).filter(|_| of == Comparison::Requested);
    let mut pairs: Vec<_> = figures.counters(of.dimension()).map(Pair::of).collect();
    pairs.sort_by(|a, b| b.tickets.cmp(&a.tickets).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
    etag::tagged_json(&headers, &Answer::new(Confusion { period, of, tickets, agreement, pairs }))
}

/// Sessions.
///
/// # Errors
/// As [`times`].
pub async fn sessions(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<PeriodParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = params.period(&state).await?;
    let wanted = [
        dimension::TICKETS,
        dimension::RESOLVED,
        dimension::REOPENED,
        dimension::TIME_TO_RESOLUTION,
        dimension::SATISFACTION,
        dimension::ROUTE,
        dimension::PRODUCT,
        dimension::ERROR_CODE,
    ];
    let figures = figures(&state, &mut period, &wanted).await?;
    let total = figures.total(dimension::TICKETS);
    let sessions = Sessions {
        period,
        total,
        average_duration_ms: figures.waiting(dimension::TIME_TO_RESOLUTION).mean,
        resolution_rate: share(figures.total(dimension::RESOLVED) as f64, total),
        satisfaction: figures.satisfaction().average,
        escalation_rate: share(figures.total(dimension::REOPENED) as f64, total),
        by_channel: figures.counts(dimension::ROUTE),
        top_topics: figures.topics(10),
    };
    etag::tagged_json(&headers, &Answer::new(sessions))
}

impl Comparison {
    const fn dimension(self) -> &'static str {
        match self {
            Self::Requested => dimension::CONFUSION,
            Self::Category => "corrected-category",
            Self::Priority => "corrected-priority",
            Self::Kind => "corrected-kind",
            Self::Sentiment => "corrected-sentiment",
            Self::Emotion => "corrected-emotion",
            Self::Urgency => "corrected-urgency",
            Self::Route => "corrected-route",
            Self::Language => "corrected-language",
        }
    }
}

impl Pair {
    fn of(counter: &Counter) -> Self {
        Self { from: counter.label.clone(), to: counter.other.clone(), tickets: counter.count }
    }
}
