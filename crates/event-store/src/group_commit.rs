//! One writer per process turns concurrent appends into batches: whatever arrives while a batch commits goes into the
//! next one. Throughput grows with load, and a lone append is one plain commit.

use std::{collections::HashSet, sync::Arc};

use crash_points::reach;
use metrics::{Histogram, histogram};
use schemas::Position;
use sqlx::PgPool;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    append::{Appended, Encoded, append_encoded},
    committed::{Committed, Fresh},
    error::AppendError,
    kept_connection::KeptConnection,
};

/// Commands in one batch at most; beyond it the head would stay locked for long.
const BATCH: usize = 256;
/// Commands that may wait; beyond it callers wait for room, which is the back-pressure.
const QUEUE: usize = 4 * BATCH;

type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// Handle to the writer task; the task ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Waiting>,
    appended: watch::Receiver<Position>,
    fresh: Fresh,
}

impl Writer {
    /// Starts the task on the current runtime.
    #[must_use]
    pub fn start(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (progress, appended) = watch::channel(Position::START);
        let fresh = Fresh::default();
        tokio::spawn(write(
            KeptConnection::of(pool),
            waiting,
            Progress { newest: progress, fresh: fresh.clone() },
        ));
        Self { queue, appended, fresh }
    }

    pub(crate) async fn append(&self, command: Encoded) -> Result<Appended, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send((command, answer)).await.map_err(|_| AppendError::Unavailable(None))?;
        answered.await.map_err(|_| AppendError::Unavailable(None))?
    }

    pub(crate) fn appended(&self) -> watch::Receiver<Position> {
        self.appended.clone()
    }

    pub(crate) fn committed(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.fresh.subscribe()
    }
}

/// How others learn what was appended.
struct Progress {
    newest: watch::Sender<Position>,
    fresh: Fresh,
}

/// A command that waits, with the way to answer it.
type Waiting = (Encoded, Answer);

async fn write(mut connection: KeptConnection, mut queue: mpsc::Receiver<Waiting>, progress: Progress) {
    let batch_size = histogram!("event_store_append_batch_size");
    let mut held_back = None;
    while let Some(first) = match held_back.take() {
        Some(command) => Some(command),
        None => connection.receive(&mut queue).await,
    } {
        held_back = write_batch(&mut connection, first, &mut queue, &progress, &batch_size).await;
    }
}

/// Commits one batch and answers its commands; returns the one that opens the next.
async fn write_batch(
    connection: &mut KeptConnection,
    first: Waiting,
    queue: &mut mpsc::Receiver<Waiting>,
    progress: &Progress,
    batch_size: &Histogram,
) -> Option<Waiting> {
    let (batch, answers, held_back) = gather(first, queue);
    batch_size.record(batch.len() as f64);
    let outcome = commit(connection, &batch).await;
    if let Some(position) = newest(&outcome) {
        reach("append.committed");
        progress.fresh.pass_on(batch, &outcome);
        progress.announce(position);
    }
    for (answer, result) in answers.into_iter().zip(outcome) {
        // A caller that went away is not an error: its events are in the log.
        let _ = answer.send(result);
    }
    held_back
}

/// The first command and every waiting one that may share its batch, in order of arrival; and the one that may not,
/// because its stream or key is in the batch already: it opens the next one.
fn gather(
    first: Waiting,
    queue: &mut mpsc::Receiver<Waiting>,
) -> (Vec<Encoded>, Vec<Answer>, Option<Waiting>) {
    let (mut streams, mut keys) = (HashSet::new(), HashSet::new());
    let mut fits = |command: &Encoded| {
        streams.insert(command.ticket)
            && command.idempotency.as_ref().is_none_or(|idempotency| keys.insert(idempotency.key.clone()))
    };
    let (mut batch, mut answers) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some((command, answer)) = next {
        if !fits(&command) {
            return (batch, answers, Some((command, answer)));
        }
        batch.push(command);
        answers.push(answer);
        next = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
    }
    (batch, answers, None)
}

impl Progress {
    fn announce(&self, position: Position) {
        self.newest.send_if_modified(|known| {
            let newer = position > *known;
            *known = position.max(*known);
            newer
        });
    }
}

async fn commit(kept: &mut KeptConnection, batch: &[Encoded]) -> Vec<Result<Appended, AppendError>> {
    let outcome = async {
        let mut connection = kept.take().await?;
        let outcome = append_encoded(&mut connection, batch).await?;
        kept.keep(connection);
        Ok(outcome)
    }
    .await;
    outcome.unwrap_or_else(|error: sqlx::Error| {
        let error = Arc::new(error);
        batch.iter().map(|_| Err(AppendError::from_shared(&error))).collect()
    })
}

fn newest(outcome: &[Result<Appended, AppendError>]) -> Option<Position> {
    outcome.iter().filter_map(|result| result.as_ref().ok()).map(|appended| appended.position).max()
}
