//! `GET /api/tickets/stats/summary`: counts, rates and waiting times, over all tickets, over those of a period, or as they
//! were at a time.

use std::collections::BTreeMap;

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_host::{Problem, json::QueryParams};

use super::{AppState, answer::Answer, etag, parameter::Moment, period::Period};
use crate::{
    as_of::{self, Moment as Past},
    queries::{
        counters::{Counter, Grain, Span, counters, series},
        statistics::{Counts, DIMENSIONS, Figures, Summary},
    },
    statistics::count::dimension,
};

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SummaryParams {
    /// Tickets submitted at or after this time, widened to the full hour.
    from: Option<Moment>,
    /// Tickets submitted before this time, widened to the full hour.
    to: Option<Moment>,
    /// All tickets as they were at this time.
    as_of: Option<Moment>,
}

/// Every figure, with the time it is about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryBody {
    /// What the figures are about.
    period: Period,
    #[serde(flatten)]
    summary: Summary,
    /// By the day of the submission, UTC, for whole days; empty where `asOf` looks back.
    by_day: Counts,
}

/// The summary.
///
/// # Errors
/// 400 for a period that is none, 503 while the read model is away.
pub async fn summary(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<SummaryParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = Period::of(params.from, params.to, params.as_of)?;
    let figures = figures(&state, &mut period, &DIMENSIONS).await?;
    let by_day = by_day(&state, &period).await?;
    etag::tagged(&headers, &Answer::new(SummaryBody { period, summary: figures.summary(), by_day }))
}

/// The counters of these dimensions for a period, or as they were; then the period learns where the log stood.
///
/// # Errors
/// 503 while the read model is away.
pub async fn figures(state: &AppState, period: &mut Period, dimensions: &[&str]) -> Result<Figures, Problem> {
    let Some(time) = period.as_of() else {
        return Ok(Figures::of(counters(&state.pool, period.span(), dimensions).await?));
    };
    let then = as_of::statistics(&state.pool, &state.keys, Past::Time(time)).await?;
    period.found_at(then.through);
    let counter = |((dimension, label, other), count)| Counter { dimension, label, other, count };
    let counters = then.counts.into_iter().map(counter);
    Ok(Figures::of(counters.filter(|counter| dimensions.contains(&counter.dimension.as_str())).collect()))
}

async fn by_day(state: &AppState, period: &Period) -> Result<Counts, Problem> {
    if period.as_of().is_some() {
        return Ok(Counts::new());
    }
    let bounds = match period.span() {
        Span::All => (DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC),
        Span::Between(from, to) => (from, to),
    };
    let points = series(&state.pool, Grain::Day, dimension::TICKETS, bounds).await?;
    let days = points.into_iter().map(|point| (point.at.format("%Y-%m-%d").to_string(), point.count));
    Ok(days.collect::<BTreeMap<_, _>>())
}
