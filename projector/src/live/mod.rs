//! What happens, told to whoever listens, in the order of the log and without a gap: each listener keeps its own place
//! and reads on from there, fast from what was read for others, slowly from the read model when it lags. So a slow
//! listener costs nothing but its own reads, and an idle one a timer.
//!
//! - [`notice`]: what listeners are told about one event
//! - [`feed`]: one listener

pub mod feed;
pub mod notice;

use std::{collections::VecDeque, sync::Arc};

use schemas::Position;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    queries::{QueryError, log, notices::notices},
    reading::Reading,
};
pub use feed::{Feed, News};
pub use notice::Notice;

/// Listeners at most: each is a connection.
const LISTENERS: u64 = 10_000;
/// Files and connections that listeners leave to everything else.
const RESERVED: u64 = 256;
/// Notices kept for listeners that are nearly up to date.
const KEPT: usize = 256;
/// Notices read at a time.
const BATCH: i64 = 256;

/// Tells what the read model shows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    reading: Reading,
    recent: Arc<Mutex<Recent>>,
    seats: Arc<Semaphore>,
    stop: CancellationToken,
}

/// The notices of all positions after `after` up to `through`.
#[derive(Debug, Default)]
struct Recent {
    after: Position,
    through: Position,
    notices: VecDeque<Arc<Notice>>,
}

/// What follows a position.
struct Following {
    notices: Vec<Arc<Notice>>,
    /// There is nothing else up to here.
    through: Position,
    /// The listener is so far behind that nobody else needs what it reads.
    late: bool,
}

impl Live {
    /// Tells what the read model of `reading` holds, until `stop`.
    #[must_use]
    pub fn new(reading: Reading, stop: CancellationToken) -> Self {
        Self { reading, recent: Arc::default(), seats: Arc::new(Semaphore::new(seats())), stop }
    }

    /// A seat, for as long as somebody listens; nothing while all are taken.
    #[must_use]
    pub fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    /// Where the log ends now: live is what comes after.
    ///
    /// # Errors
    /// As [`QueryError`].
    pub async fn now(&self) -> Result<Position, QueryError> {
        log::head(&self.reading.log).await
    }

    /// As [`Self::following`], in a task of its own: a listener whose client does not take its messages is not run any
    /// further, and must not be halted where it holds, or is next to get, what all others wait for.
    async fn ask(&self, sent: Position) -> Result<Following, QueryError> {
        let live = self.clone();
        let asked = tokio::spawn(async move { live.following(sent).await }).await;
        asked.unwrap_or_else(|error| Err(QueryError::Database(sqlx::Error::Io(error.into()))))
    }

    /// What follows `sent`, as far as it is known to the read model.
    async fn following(&self, sent: Position) -> Result<Following, QueryError> {
        let mut recent = self.recent.lock().await;
        if sent < recent.after {
            drop(recent);
            let (notices, through) = self.read(sent).await?;
            return Ok(Following { notices, through, late: true });
        }
        // Nobody listened for a while.
        if sent > recent.through {
            *recent = Recent { after: sent, through: sent, notices: VecDeque::new() };
        }
        if sent == recent.through {
            // Others wait here for what is read for all of them.
            let (notices, through) = self.read(sent).await?;
            recent.extend(notices, through);
        }
        Ok(recent.following(sent))
    }

    /// One batch after `sent`, and how far it reaches.
    async fn read(&self, sent: Position) -> Result<(Vec<Arc<Notice>>, Position), QueryError> {
        let through = self.reading.progress.position().max(sent);
        let notices = notices(&self.reading.model, sent, through, BATCH).await?;
        let last = notices.last().filter(|_| notices.len() as i64 == BATCH).map(|notice| notice.position);
        Ok((notices.into_iter().map(Arc::new).collect(), last.unwrap_or(through)))
    }
}

/// As many as there may be connections: a listener too many must find no seat, not take the last file of the process.
fn seats() -> usize {
    open_files::raise().saturating_sub(RESERVED).min(LISTENERS) as usize
}

impl Recent {
    fn extend(&mut self, notices: Vec<Arc<Notice>>, through: Position) {
        self.notices.extend(notices);
        self.through = through;
        while self.notices.len() > KEPT {
            self.after = self.notices.pop_front().map_or(self.after, |oldest| oldest.position);
        }
    }

    fn following(&self, sent: Position) -> Following {
        let start = self.notices.partition_point(|notice| notice.position <= sent);
        let notices: Vec<_> = self.notices.iter().skip(start).cloned().collect();
        Following { notices, through: self.through, late: false }
    }
}
