//! The sink's metrics by name.

use metrics::{counter, gauge};

/// Tickets by what became of a delivery.
const DELIVERIES: &str = "crm_deliveries_total";
/// Requests to Zoho by call and class of answer.
const REQUESTS: &str = "crm_requests_total";
/// Tickets by state.
const BACKLOG: &str = "crm_backlog";

/// Counts `tickets` that came to `outcome`.
pub(crate) fn delivered(outcome: &'static str, tickets: usize) {
    counter!(DELIVERIES, "outcome" => outcome).increment(tickets as u64);
}

/// Counts a request.
pub(crate) fn request(call: &'static str, class: &'static str) {
    counter!(REQUESTS, "call" => call, "class" => class).increment(1);
}

/// Shows how many tickets are in `state`.
pub(crate) fn backlog(state: &'static str, tickets: i64) {
    gauge!(BACKLOG, "state" => state).set(tickets as f64);
}
