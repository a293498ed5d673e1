//! One reader per process and kind of question turns concurrent questions into one query: whoever asks while a query runs
//! shares the next one. A command loads its ticket and its requester's key before it appends, so loads of its own would cost
//! more than the append; and a question for one row costs the server more than the row.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use sqlx::{PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};

use crate::{error::StoreError, kept_connection::KeptConnection};

/// Keys in one query at most.
const BATCH: usize = 128;
/// Loads that may wait; beyond it callers wait for room.
const QUEUE: usize = 8 * BATCH;

/// What is asked, the same for many keys.
pub trait Question: 'static {
    /// What it is asked of.
    type Key: Clone + Ord + Hash + Send + Sync;
    /// What is known of one.
    type Found: Clone + Send + Sync;

    /// The answers for those of `keys` that have one.
    ///
    /// # Errors
    /// Those of the database; every caller of this query gets them.
    fn ask(
        connection: &mut PgConnection,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Found>, sqlx::Error>> + Send;
}

/// A key that is waited for, with the way to hand the answer over.
type Waiting<Q> = (<Q as Question>::Key, oneshot::Sender<Result<Option<<Q as Question>::Found>, StoreError>>);

/// Handle to the reader task; the task ends when the last handle is gone.
pub struct Reader<Q: Question> {
    queue: mpsc::Sender<Waiting<Q>>,
}

impl<Q: Question> Reader<Q> {
    /// Starts the task on the current runtime.
    #[must_use]
    pub fn start(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(read::<Q>(KeptConnection::of(pool), waiting));
        Self { queue }
    }

    /// What is known of `key`, by a query that begins after this call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Database`].
    pub async fn load(&self, key: Q::Key) -> Result<Option<Q::Found>, StoreError> {
        let gone = || StoreError::from(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.queue.send((key, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl<Q: Question> Clone for Reader<Q> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Q: Question> std::fmt::Debug for Reader<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

async fn read<Q: Question>(mut connection: KeptConnection, mut queue: mpsc::Receiver<Waiting<Q>>) {
    while let Some(first) = connection.receive(&mut queue).await {
        let mut waiting = vec![first];
        while waiting.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        answer::<Q>(&mut connection, waiting).await;
    }
}

async fn answer<Q: Question>(connection: &mut KeptConnection, waiting: Vec<Waiting<Q>>) {
    let keys: BTreeSet<Q::Key> = waiting.iter().map(|(key, _)| key.clone()).collect();
    let found = query::<Q>(connection, keys.into_iter().collect()).await.map_err(Arc::new);
    for (key, answer) in waiting {
        let found = match &found {
            Ok(found) => Ok(found.get(&key).cloned()),
            Err(error) => Err(StoreError::from_shared(error)),
        };
        // A caller that went away needs nothing.
        let _ = answer.send(found);
    }
}

async fn query<Q: Question>(
    kept: &mut KeptConnection,
    keys: Vec<Q::Key>,
) -> Result<HashMap<Q::Key, Q::Found>, sqlx::Error> {
    let mut connection = kept.take().await?;
    let found = Q::ask(&mut connection, keys).await?;
    kept.keep(connection);
    Ok(found)
}
