//! Whoever stops a relearning must find none of it afterwards: no training that goes on, and no text in clear on the disk.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What is said then.
pub(super) const INTERRUPTED: &str = "interrupted: nothing is promoted";

/// Cancelled by SIGTERM or SIGINT, which do not end the process by themselves any more.
pub(super) fn listen() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(stop)
}

/// The work's outcome, unless it is stopped before.
pub(super) async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    stop.run_until_cancelled(work).await.unwrap_or_else(|| Err(anyhow::anyhow!(INTERRUPTED)))
}
