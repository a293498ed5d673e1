//! `GET /api/analytics/series`: a dimension, hour by hour or day by day.

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_host::{Problem, clock, query::QueryParams};

use super::Dimension;
use crate::{
    http::{
        AppState,
        answer::Answer,
        etag,
        freshness::{MinPosition, wait_for},
        parameter::Moment,
        period::Period,
    },
    queries::{
        counters::{Grain, Point, begin, end, series},
        statistics::Counts,
    },
};

/// Points at most: two months of hours, four years of days.
const POINTS: i64 = 1500;

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeriesParams {
    /// What tickets are counted by; every ticket by default.
    dimension: Option<Dimension>,
    /// How finely; by the day by default.
    interval: Option<Interval>,
    /// From this time on, widened to the interval; 30 days or 48 hours before `to` by default.
    from: Option<Moment>,
    /// Before this time, widened to the interval; now by default.
    to: Option<Moment>,
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
}

/// How finely a course is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names are the lengths")]
pub enum Interval {
    Hour,
    Day,
}

/// A dimension over time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    dimension: Dimension,
    interval: Interval,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// One for every hour or day, also where there were no tickets.
    points: Vec<SeriesPoint>,
}

/// Tickets submitted in an hour or on a day.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SeriesPoint {
    /// Where it begins, UTC.
    at: DateTime<Utc>,
    /// All labels together.
    total: i64,
    /// Tickets per label.
    counts: Counts,
}

/// The course.
///
/// # Errors
/// 400 for a period that is none or too long, 503 while the read model is away, 504 when `minPosition` is not reached.
pub async fn course(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<SeriesParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let interval = params.interval.unwrap_or(Interval::Day);
    let grain = interval.grain();
    let period = Period::of(params.from, params.to, None)?;
    wait_for(&state, &[&state.progress], params.min_position).await?;
    let (from, to) = period.bounds(clock::now(), interval.usual());
    let (from, to) = (begin(from, grain), end(to, grain));
    let points = (to - from).num_seconds() / grain.length().num_seconds();
    if points < 0 {
        return Err(Problem::bad_request("from is later than to, which is now where it is left out"));
    }
    if points > POINTS {
        let advice = if interval == Interval::Hour { ", or ask for days instead of hours" } else { "" };
        return Err(Problem::bad_request(format!(
            "from and to are {points} intervals apart: {POINTS} at most{advice}"
        )));
    }
    let dimension = params.dimension.unwrap_or_default();
    let found = series(&state.pool, grain, dimension.name(), (from, to)).await?;
    let points = fill(found, grain, from, points);
    etag::tagged_json(&headers, &Answer::new(Series { dimension, interval, from, to, points }))
}

/// Every interval, found or not.
fn fill(found: Vec<Point>, grain: Grain, from: DateTime<Utc>, points: i64) -> Vec<SeriesPoint> {
    let mut found = found.into_iter().peekable();
    let point = |number: i64| {
        let at = from + grain.length() * number as i32;
        let mut counts = Counts::new();
        while let Some(point) = found.next_if(|point| point.at <= at) {
            counts.insert(point.label, point.count);
        }
        SeriesPoint { at, total: counts.values().sum(), counts }
    };
    (0..points).map(point).collect()
}

impl Interval {
    /// As the counters take it.
    #[must_use]
    pub const fn grain(self) -> Grain {
        match self {
            Self::Hour => Grain::Hour,
            Self::Day => Grain::Day,
        }
    }

    const fn usual(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(48),
            Self::Day => TimeDelta::days(30),
        }
    }
}
