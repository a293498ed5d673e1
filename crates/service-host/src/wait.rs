//! Starting before one's dependencies: try, say what is missing, back off, try again.

use std::time::Duration;

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
///
/// # Errors
/// The first error that will not pass by waiting.
pub async fn until_ready<T, E: std::error::Error, F: Future<Output = Result<T, E>>>(
    what: &'static str,
    stop: &CancellationToken,
    may_pass: impl Fn(&E) -> bool,
    attempt: impl FnMut() -> F,
) -> Result<Option<T>, E> {
    let retrying = attempt.retry(back_off()).when(may_pass).notify(|error: &E, delay| {
        let cause = chain(error);
        tracing::warn!(waiting_for = what, cause, retry_in_ms = delay.as_millis() as u64, "not ready yet");
    });
    tokio::select! {
        () = stop.cancelled() => Ok(None),
        outcome = retrying => outcome.map(Some),
    }
}

/// An error with its causes, outermost first; a cause that the message before it repeats is left out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |error| error.source());
    for cause in causes.map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
