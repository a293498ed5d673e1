//! Changing the mock while it runs: its clock, its faults.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{faults::Plan, world::Shared};

/// Longest step of the clock, in seconds: ten years.
const LONGEST_STEP: f64 = 3653.0 * 86_400.0;
/// Fastest clock: a day in less than a second.
const FASTEST: u32 = 100_000;

/// What to do with the clock; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    advance_seconds: Option<f64>,
    speed: Option<u32>,
}

/// How the clock is.
#[derive(Serialize)]
pub(crate) struct ClockFace {
    now: DateTime<Utc>,
    speed: u32,
}

impl ClockFace {
    pub(crate) fn of(shared: &Shared) -> Self {
        Self { now: shared.now(), speed: shared.clock.speed() }
    }
}

/// `GET /__mock/clock`.
pub(crate) async fn clock(State(shared): State<Shared>) -> Json<ClockFace> {
    Json(ClockFace::of(&shared))
}

/// `POST /__mock/clock` with `{"advance_seconds":3600}`, `{"speed":100}` or both.
pub(crate) async fn turn_clock(State(shared): State<Shared>, body: Bytes) -> Response {
    let turn: Turn = match serde_json::from_slice(&body) {
        Ok(turn) => turn,
        Err(error) => return wrong(&error.to_string()),
    };
    let step = turn.advance_seconds.unwrap_or(0.0);
    if !(0.0..=LONGEST_STEP).contains(&step) || turn.speed.is_some_and(|speed| speed > FASTEST) {
        return wrong("the clock goes forward only, by ten years at most and 100000 times as fast at most");
    }
    shared.clock.advance(TimeDelta::milliseconds((step * 1000.0) as i64));
    if let Some(speed) = turn.speed {
        shared.clock.set_speed(speed);
    }
    shared.land_due().await;
    Json(ClockFace::of(&shared)).into_response()
}

/// `GET /__mock/faults`: the plan, and how often each fault hit.
pub(crate) async fn faults(State(shared): State<Shared>) -> Json<Value> {
    let world = shared.world();
    Json(json!({"plan": world.faults.plan(), "hits": world.counters.faults}))
}

/// `POST /__mock/faults`: another plan instead, counted from its first call. An empty one ends all faults.
pub(crate) async fn set_faults(State(shared): State<Shared>, body: Bytes) -> Response {
    match Plan::from_json(&body) {
        Ok(plan) => {
            shared.set_faults(plan);
            faults(State(shared)).await.into_response()
        }
        Err(error) => wrong(&error.to_string()),
    }
}

/// `DELETE /__mock/faults`.
pub(crate) async fn end_faults(State(shared): State<Shared>) -> StatusCode {
    shared.set_faults(Plan::default());
    StatusCode::NO_CONTENT
}

fn wrong(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}
