//! `GET /api/analytics/export`: the counters of a period, for whoever calculates with them.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use futures::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_host::{Problem, query::QueryParams};

use super::course::Interval;
use crate::{
    http::{
        AppState,
        freshness::{MinPosition, wait_for},
        parameter::Moment,
        period::Period,
        table::{Format, Row, download},
    },
    queries::counters::{self, Cell},
};

/// The query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountersParams {
    /// How: for spreadsheets (the default) or as lines of JSON.
    format: Option<Format>,
    /// How finely; by the day by default.
    interval: Option<Interval>,
    /// From this time on, widened to the interval; from the first ticket by default.
    from: Option<Moment>,
    /// Before this time, widened to the interval; to the last ticket by default.
    to: Option<Moment>,
    /// Wait until the answer holds everything up to this position of the log.
    min_position: Option<MinPosition>,
}

/// The counters.
///
/// # Errors
/// 400 for a period that is none, 504 when `minPosition` is not reached.
pub async fn export(
    State(state): State<AppState>,
    QueryParams(params): QueryParams<CountersParams>,
) -> Result<Response, Problem> {
    let period = Period::of(params.from, params.to, None)?;
    wait_for(&state, &[&state.progress], params.min_position).await?;
    let grain = params.interval.unwrap_or(Interval::Day).grain();
    let bounds = period.widened_to(grain);
    let pages = stream::try_unfold(Some(None), move |after: Option<Option<Cell>>| {
        let pool = state.pool.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let cells = counters::cells(&pool, grain, bounds, after.as_ref()).await?;
            let next = cells.last().filter(|_| cells.len() as i64 == counters::CELLS).cloned().map(Some);
            Ok(Some((cells.into_iter().map(Exported::of).collect(), next)))
        }
    });
    Ok(download("analytics", params.format.unwrap_or_default(), pages))
}

/// A counter in an export.
#[derive(Serialize)]
struct Exported {
    at: DateTime<Utc>,
    dimension: String,
    label: String,
    other: String,
    tickets: i64,
}

impl Exported {
    fn of(cell: Cell) -> Self {
        let Cell { at, dimension, label, other, count } = cell;
        Self { at, dimension, label, other, tickets: count }
    }
}

impl Row for Exported {
    const HEADS: &'static [&'static str] = &["at", "dimension", "label", "other", "tickets"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.to_rfc3339(),
            self.dimension.clone(),
            self.label.clone(),
            self.other.clone(),
            self.tickets.to_string(),
        ]
    }
}
