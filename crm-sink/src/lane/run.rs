//! Driving the lane: by the database's clock, whenever this process leads it.

use std::time::Duration;

use subscription::Leadership;
use tokio_util::sync::CancellationToken;

use super::{Lane, Tick};
use crate::queue;

/// Name of the lane's lock.
pub const LANE: &str = "crm-delivery";
/// How often the lane looks for new tickets.
const POLL: Duration = Duration::from_millis(250);
/// Before trying again after an error.
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers until the process stops. A request under way is brought to its end first: its answer saves a look-up.
///
/// # Errors
/// Never: trouble is logged and tried again.
pub async fn run(mut lane: Lane, stop: CancellationToken) -> anyhow::Result<()> {
    let pool = lane.store.pool().clone();
    while let Some(mut leadership) = Leadership::acquire(&pool, LANE, &stop).await {
        let led = lane.lead(&mut leadership, &stop).await;
        leadership.release().await;
        if let Err(error) = led {
            let cause = format!("{error:#}");
            tracing::error!(cause, "the CRM lane halted; beginning again");
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }
    Ok(())
}

impl Lane {
    async fn lead(&mut self, leadership: &mut Leadership, stop: &CancellationToken) -> anyhow::Result<()> {
        self.recover().await?;
        while !stop.is_cancelled() {
            anyhow::ensure!(leadership.is_held().await, "another process leads now");
            let now = queue::clock(self.store.pool()).await?;
            if let Tick::Idle(until) = self.tick(now).await? {
                let wait = until.and_then(|until| (until - now).to_std().ok()).unwrap_or(POLL);
                stop.run_until_cancelled(tokio::time::sleep(wait.min(POLL))).await;
            }
        }
        Ok(())
    }
}
