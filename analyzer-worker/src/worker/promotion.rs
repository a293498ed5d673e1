//! Another model was promoted: it answers from here on. Every process that follows the log comes to the same one.

use schemas::analysis::ModelRef;
use subscription::Fate;

use super::{Failure, Worker};

impl Worker {
    pub(super) async fn promote(&self, model: &ModelRef) -> Result<Fate, Failure> {
        // The log may be read from its start: what counts is the newest promotion, not this one.
        let newest = self.models.promoted().await?;
        if newest.as_ref() == Some(model) {
            self.engine.switch_to(self.models.folder(model).await?);
        }
        Ok(Fate::Done)
    }
}
