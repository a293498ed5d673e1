//! A connection that one task keeps between its batches: the same one every time, so that the server finds its plans and
//! pages where it left them. A pause gives it back to the pool.

use std::time::Duration;

use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio::{sync::mpsc, time::timeout};

/// A pause of this length gives the connection back.
const KEEP: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct KeptConnection {
    pool: PgPool,
    connection: Option<PoolConnection<Postgres>>,
}

impl KeptConnection {
    pub(crate) const fn of(pool: PgPool) -> Self {
        Self { pool, connection: None }
    }

    /// The next item of the queue; gives the connection back when none comes for a while.
    pub(crate) async fn receive<T>(&mut self, queue: &mut mpsc::Receiver<T>) -> Option<T> {
        if self.connection.is_some() {
            if let Ok(item) = timeout(KEEP, queue.recv()).await {
                return item;
            }
            self.connection = None;
        }
        queue.recv().await
    }

    /// The connection; whoever is done with it without an error keeps it by [`Self::keep`]: after one, the pool looks at it
    /// before it hands it out again.
    pub(crate) async fn take(&mut self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    pub(crate) fn keep(&mut self, connection: PoolConnection<Postgres>) {
        self.connection = Some(connection);
    }
}
