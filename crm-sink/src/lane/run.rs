//! Driving the lane: by the database's clock, whenever this process leads it.

use std::time::Duration;

use subscription::Leadership;
use tokio_util::sync::CancellationToken;

use super::{Lane, Tick};
use crate::{destination::Destination, queue};

/// How often the lane looks for new tickets.
const POLL: Duration = Duration::from_millis(250);
/// Before trying again after an error.
const PAUSE: Duration = Duration::from_secs(1);

/// Name of the lock of a sink's lane.
#[must_use]
pub fn lock(sink: &str) -> String {
    if sink == crate::zoho::SYSTEM { "crm-delivery".to_owned() } else { format!("crm-delivery-{sink}") }
}

/// Delivers until the process stops. A request under way is brought to its end first: its answer saves a look-up.
///
/// # Errors
/// Never: trouble is logged and tried again.
pub async fn run<D: Destination>(mut lane: Lane<D>, stop: CancellationToken) -> anyhow::Result<()> {
    let (pool, lock) = (lane.queue.pool().clone(), lock(lane.queue.sink()));
    while let Some(mut leadership) = Leadership::acquire(&pool, &lock, &stop).await {
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

impl<D: Destination> Lane<D> {
    async fn lead(&mut self, leadership: &mut Leadership, stop: &CancellationToken) -> anyhow::Result<()> {
        self.recover().await?;
        while !stop.is_cancelled() {
            anyhow::ensure!(leadership.is_held().await, "another process leads now");
            let now = queue::clock(self.queue.pool()).await?;
            if let Tick::Idle(until) = self.tick(now).await? {
                let wait = until.and_then(|until| (until - now).to_std().ok()).unwrap_or(POLL);
                stop.run_until_cancelled(tokio::time::sleep(wait.min(POLL))).await;
            }
        }
        Ok(())
    }
}
