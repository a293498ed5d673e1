//! The only place that asks what time it is. Everything below the shell gets the time as an argument.

use chrono::{DateTime, Utc};

/// The wall clock, in UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
