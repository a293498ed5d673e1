//! `GET /api/tickets/stats/summary`: counts, rates and waiting times, over all tickets, over those of a period, or as they
//! were at a time.

use std::collections::BTreeMap;

use axum::{extract::State, http::HeaderMap, response::Response};
use schemars::JsonSchema;
use serde::Serialize;
use service_host::{Problem, query::QueryParams};

use super::{
    AppState,
    answer::Answer,
    etag, freshness,
    period::{Period, PeriodParams},
};
use crate::{
    as_of::{self, Moment},
    queries::{
        counters::{Grain, counters, series},
        statistics::{Counts, DIMENSIONS, Figures, Summary},
    },
    statistics::count::dimension,
};

/// Every figure, with the time it is about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryBody {
    /// What the figures are about.
    period: Period,
    #[serde(flatten)]
    summary: Summary,
    /// By the day of the submission, UTC; a day that the period only touches counts as a whole. Empty where `asOf` looks back.
    by_day: Counts,
}

/// The summary.
///
/// # Errors
/// 400 for a period that is none, 503 while the read model is away, 504 when `minPosition` is not reached.
pub async fn summary(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<PeriodParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut period = params.period(&state).await?;
    let figures = figures(&state, &mut period, &DIMENSIONS).await?;
    let by_day = by_day(&state, &period).await?;
    etag::tagged_json(&headers, &Answer::new(SummaryBody { period, summary: figures.summary(), by_day }))
}

/// The counters of these dimensions for a period, or as they were; then the period learns where the log stood.
///
/// # Errors
/// 503 while the read model is away, 504 while it does not hold what the past is made of.
pub async fn figures(state: &AppState, period: &mut Period, dimensions: &[&str]) -> Result<Figures, Problem> {
    let Some(time) = period.as_of() else {
        return Ok(Figures::of(counters(&state.pool, period.span(), dimensions).await?));
    };
    let hour = as_of::broken_hour(&state.log, Moment::Time(time)).await?;
    freshness::reach(&[&state.progress], hour.before).await?;
    let then = as_of::statistics(&state.pool, &state.log, hour, dimensions).await?;
    period.found_at(then.through);
    Ok(Figures::of(then.counters))
}

async fn by_day(state: &AppState, period: &Period) -> Result<Counts, Problem> {
    if period.as_of().is_some() {
        return Ok(Counts::new());
    }
    let days = period.widened_to(Grain::Day);
    let points = series(&state.pool, Grain::Day, dimension::TICKETS, days).await?;
    let days = points.into_iter().map(|point| (point.at.format("%Y-%m-%d").to_string(), point.count));
    Ok(days.collect::<BTreeMap<_, _>>())
}
