//! One stop signal for every task, and tasks whose end is noticed: a task that fails stops the process, because a
//! process that does half its work while looking healthy is worse than one that is restarted.

use anyhow::Context as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// The tasks of a process and the signal that ends them.
#[derive(Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Shutdown {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The signal every task listens to.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Runs a task that ends with the process.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits for SIGTERM, SIGINT or the first task that ends; then stops all tasks and waits for each.
    ///
    /// # Errors
    /// The first task that failed or panicked.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut outcome = tokio::select! {
            outcome = self.first_end() => outcome,
            outcome = stop_signal() => outcome,
        };
        self.token.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            outcome =
                outcome.and(ended.context("a task panicked").and_then(|(name, result)| result.context(name)));
        }
        tracing::info!("stopped");
        outcome
    }

    /// Without tasks it waits for ever; with the signal given from outside, an end is expected.
    async fn first_end(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            Some(Ok((name, Err(error)))) => Err(error.context(name)),
            Some(Ok((_, Ok(())))) if self.token.is_cancelled() => Ok(()),
            Some(Ok((name, Ok(())))) => Err(anyhow::anyhow!("the task {name} ended by itself")),
            Some(Err(error)) => Err(error).context("a task panicked"),
            None => std::future::pending().await,
        }
    }
}

async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
        _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_stops_the_others_and_is_named() {
        let mut shutdown = Shutdown::new();
        let token = shutdown.token();
        shutdown.spawn("patient", async move {
            token.cancelled().await;
            Ok(())
        });
        shutdown.spawn("broken", async { anyhow::bail!("no luck") });
        let error = format!("{:#}", shutdown.run().await.unwrap_err());
        assert_eq!(error, "broken: no luck");
    }

    #[tokio::test]
    async fn a_task_that_just_ends_is_an_error_too() {
        let mut shutdown = Shutdown::new();
        shutdown.spawn("short", async { Ok(()) });
        assert!(shutdown.run().await.unwrap_err().to_string().contains("short"));
    }
}
