//! The sink's metrics by name.

use metrics::{counter, gauge};

use crate::{
    brake::{Breaker, Rest},
    destination::Forecast,
};

/// Tickets by what became of a delivery.
const DELIVERIES: &str = "crm_deliveries_total";
/// Requests by call and class of answer.
const REQUESTS: &str = "crm_requests_total";
/// Tickets by state.
const BACKLOG: &str = "crm_backlog";
/// How long the oldest pending ticket has been due.
const OLDEST: &str = "crm_oldest_pending_seconds";
/// What is left of today's calls.
const QUOTA: &str = "crm_quota_calls_left";
/// 1 for the breaker that is open.
const BREAKER: &str = "crm_breaker_open";
/// 1 while an operator keeps the lane from sending.
const PAUSED: &str = "crm_paused";
/// 1 for the state of the access token.
const TOKEN: &str = "crm_token_state";

/// Counts `tickets` that came to `outcome`.
pub(crate) fn delivered(sink: &'static str, outcome: &'static str, tickets: usize) {
    counter!(DELIVERIES, "sink" => sink, "outcome" => outcome).increment(tickets as u64);
}

/// Counts a request.
pub(crate) fn request(sink: &'static str, call: &'static str, class: &'static str) {
    counter!(REQUESTS, "sink" => sink, "call" => call, "class" => class).increment(1);
}

/// Shows how many tickets are in `state`.
pub(crate) fn backlog(sink: &'static str, state: &'static str, tickets: i64) {
    gauge!(BACKLOG, "sink" => sink, "state" => state).set(tickets as f64);
}

/// Shows how long the oldest pending ticket has been due.
pub(crate) fn oldest(sink: &'static str, seconds: i64) {
    gauge!(OLDEST, "sink" => sink).set(seconds as f64);
}

/// Shows what is left of today.
pub(crate) fn quota(sink: &'static str, forecast: Forecast) {
    gauge!(QUOTA, "sink" => sink).set(forecast.left as f64);
}

/// Shows which breaker is open.
pub(crate) fn breaker(sink: &'static str, rest: Option<Rest>) {
    for breaker in Breaker::ALL {
        let open = rest.is_some_and(|rest| rest.breaker == breaker);
        gauge!(BREAKER, "sink" => sink, "breaker" => breaker.name()).set(f64::from(u8::from(open)));
    }
}

/// Shows whether the lane is paused.
pub(crate) fn paused(sink: &'static str, paused: bool) {
    gauge!(PAUSED, "sink" => sink).set(f64::from(u8::from(paused)));
}

/// Shows the state of the access token.
pub(crate) fn token(state: &'static str) {
    for name in ["none", "held", "stopped"] {
        gauge!(TOKEN, "state" => name).set(f64::from(u8::from(name == state)));
    }
}
