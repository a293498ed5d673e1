//! "The log has grown up to this position": a plain NATS message. A lost hint costs a little latency, because every
//! reader also looks by itself.

use std::time::Duration;

use futures::{Stream, StreamExt as _};
use schemas::Position;
use tokio::sync::watch;

use crate::{Bus, BusError};

const APPENDED: &str = "hub.hint.appended";
/// Between two hints of one process. The first after a silence goes out at once.
const PAUSE: Duration = Duration::from_millis(10);

impl Bus {
    /// Tells whoever listens that the log has grown up to `newest`.
    pub async fn hint_appended(&self, newest: Position) {
        // Nothing depends on it.
        let _ = self.client().publish(APPENDED, newest.to_string().into()).await;
    }

    /// Gives a hint whenever `appended` moves, until its sender is gone. Every process that appends runs this.
    pub async fn forward_hints(&self, mut appended: watch::Receiver<Position>) {
        while appended.changed().await.is_ok() {
            let newest = *appended.borrow_and_update();
            self.hint_appended(newest).await;
            // Under load one hint speaks for many appends.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How far the log has grown, an item per hint, for as long as the connection lives; `None` from a hint that does not
    /// say it.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when the subscription cannot be made.
    pub async fn appended_hints(
        &self,
    ) -> Result<impl Stream<Item = Option<Position>> + Send + Unpin + use<>, BusError> {
        let subscription = self
            .client()
            .subscribe(APPENDED)
            .await
            .map_err(|error| BusError::unavailable("subscribing")(error.into()))?;
        Ok(subscription.map(|message| newest(&message.payload)))
    }
}

fn newest(hint: &[u8]) -> Option<Position> {
    std::str::from_utf8(hint).ok()?.parse().ok().map(Position)
}
