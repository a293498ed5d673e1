//! One listener: its place, and what it is told next.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use schemas::Position;
use tokio::sync::OwnedSemaphorePermit;

use super::{Following, Live, Notice};
use crate::queries::QueryError;

/// How long a listener hears nothing at most. Proxies close what is silent for a minute.
const SILENCE: Duration = Duration::from_secs(15);

/// A listener's place.
#[derive(Debug)]
pub struct Feed {
    live: Live,
    sent: Position,
    ahead: VecDeque<Arc<Notice>>,
    /// Nothing else lies before this position.
    through: Position,
    /// It was up to date once.
    caught_up: bool,
    _place: OwnedSemaphorePermit,
}

/// What a listener is told.
#[derive(Debug)]
pub enum News {
    /// Something happened.
    Notice(Arc<Notice>),
    /// The listener is slow: what follows is not live. Nothing is left out.
    Late,
    /// Nothing happened for a while.
    Silence,
    /// The service stops.
    End,
}

impl Feed {
    /// Everything after `sent`.
    #[must_use]
    pub const fn new(live: Live, sent: Position, place: OwnedSemaphorePermit) -> Self {
        Self { live, sent, ahead: VecDeque::new(), through: sent, caught_up: false, _place: place }
    }

    /// The position up to which everything was told.
    #[must_use]
    pub const fn sent(&self) -> Position {
        self.sent
    }

    /// What to tell next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`QueryError`]; the listener may come back with its position.
    pub async fn next(&mut self) -> Result<News, QueryError> {
        loop {
            if let Some(notice) = self.ahead.pop_front() {
                self.sent = notice.position;
                return Ok(News::Notice(notice));
            }
            self.sent = self.sent.max(self.through);
            let more = tokio::select! {
                () = self.live.stop.cancelled() => return Ok(News::End),
                more = tokio::time::timeout(SILENCE, self.live.reading.progress.reached(self.sent.next())) => more,
            };
            if more.is_err() {
                self.caught_up = true;
                return Ok(News::Silence);
            }
            let Following { notices, through, late } = self.live.ask(self.sent).await?;
            self.ahead.extend(notices);
            self.through = through;
            // Who resumes is late and knows it.
            if late && std::mem::take(&mut self.caught_up) {
                return Ok(News::Late);
            }
            self.caught_up |= !late;
        }
    }
}
