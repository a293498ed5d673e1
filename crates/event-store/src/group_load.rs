//! One reader per process turns concurrent loads of tickets into one query: whoever asks while a query runs shares the
//! next one. A command loads its ticket before it appends, so a load of its own would cost more than the append.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use schemas::{Envelope, TicketId};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::StoreError,
    kept_connection::KeptConnection,
    read::{Row, rows_of},
};

/// Tickets in one query at most.
const BATCH: usize = 128;
/// Loads that may wait; beyond it callers wait for room.
const QUEUE: usize = 8 * BATCH;

/// A ticket that is waited for, with the way to hand its events over.
type Waiting = (TicketId, oneshot::Sender<Result<Vec<Envelope>, StoreError>>);

/// Handle to the reader task; the task ends when the last handle is gone.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    queue: mpsc::Sender<Waiting>,
}

impl Reader {
    /// Starts the task on the current runtime.
    pub(crate) fn start(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(read(KeptConnection::of(pool), waiting));
        Self { queue }
    }

    /// The ticket's events, in order.
    pub(crate) async fn load(&self, ticket: TicketId) -> Result<Vec<Envelope>, StoreError> {
        let gone = || StoreError::from(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.queue.send((ticket, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn read(mut connection: KeptConnection, mut queue: mpsc::Receiver<Waiting>) {
    while let Some(first) = connection.receive(&mut queue).await {
        let mut waiting = vec![first];
        while waiting.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        answer(&mut connection, waiting).await;
    }
}

/// Two who wait for the same ticket get a copy each.
async fn answer(connection: &mut KeptConnection, waiting: Vec<Waiting>) {
    let tickets: Vec<String> = waiting.iter().map(|(ticket, _)| ticket.to_string()).collect();
    let wanted: Vec<String> = tickets.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let streams = match query(connection, &wanted).await {
        Ok(rows) => Ok(by_stream(rows)),
        Err(error) => Err(Arc::new(error)),
    };
    for ((_, answer), ticket) in waiting.into_iter().zip(tickets) {
        let events = match &streams {
            Ok(streams) => streams.get(&ticket).into_iter().flatten().cloned().map(Row::dress).collect(),
            Err(error) => Err(StoreError::from_shared(error)),
        };
        // A caller that went away needs nothing.
        let _ = answer.send(events);
    }
}

async fn query(kept: &mut KeptConnection, tickets: &[String]) -> Result<Vec<Row>, sqlx::Error> {
    let mut connection = kept.take().await?;
    let rows = rows_of(&mut connection, tickets).await?;
    kept.keep(connection);
    Ok(rows)
}

fn by_stream(rows: Vec<Row>) -> HashMap<String, Vec<Row>> {
    let mut streams = HashMap::<String, Vec<Row>>::new();
    for row in rows {
        streams.entry(row.stream_id.clone()).or_default().push(row);
    }
    streams
}
