//! Starting before one's dependencies: try, say what is missing, back off, try again.

use std::{fmt::Display, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use tokio_util::sync::CancellationToken;

/// The delays between attempts: 200 ms, 400 ms … up to 5 s, with jitter, for ever.
#[must_use]
pub fn back_off() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
}

/// Repeats `attempt` until it succeeds, logging what it waits for; `None` when the process stops first.
pub async fn until_ready<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &'static str,
    stop: &CancellationToken,
    attempt: impl FnMut() -> F,
) -> Option<T> {
    let retrying = attempt.retry(back_off()).notify(|error: &E, delay| {
        tracing::warn!(waiting_for = what, error = %error, retry_in_ms = delay.as_millis() as u64, "not ready yet");
    });
    tokio::select! {
        () = stop.cancelled() => None,
        // The back-off has no end, so only success comes out of it.
        result = retrying => result.ok(),
    }
}
