//! What to publish next: from memory what this process has just committed, and from the log everything else.

use std::sync::Arc;

use event_store::{Committed, EventStore, StoreError};
use schemas::{Envelope, Position};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

/// Events read at a time.
const CHUNK: usize = 512;

/// The log from some position on, as fast as it can be had.
pub(super) struct Source {
    store: EventStore,
    committed: Receiver<Arc<Committed>>,
    /// A batch that came before the events between it and the ones before.
    held_back: Option<Arc<Committed>>,
}

impl Source {
    pub(super) fn of(store: EventStore) -> Self {
        Self { committed: store.committed(), held_back: None, store }
    }

    /// Some of the events after `after`, in order and without a gap. The log is asked only for what lies before its known
    /// `end`; none only where there is none up to it.
    ///
    /// # Errors
    /// As [`StoreError`].
    pub(super) async fn next(&mut self, after: Position, end: Position) -> Result<Vec<Envelope>, StoreError> {
        let fresh = self.fresh(after);
        if fresh.is_empty() && after < end {
            return self.store.read_all(after, CHUNK as u32).await;
        }
        Ok(fresh)
    }

    /// What follows `after` in memory.
    fn fresh(&mut self, after: Position) -> Vec<Envelope> {
        let (mut events, mut end) = (Vec::new(), after);
        while events.len() < CHUNK
            && let Some(batch) = self.next_batch()
        {
            if batch.first() > end.next() {
                self.held_back = Some(batch);
                break;
            }
            if batch.last() > end {
                events.extend(batch.envelopes().filter(|event| event.position > end));
                end = batch.last();
            }
        }
        events
    }

    fn next_batch(&mut self) -> Option<Arc<Committed>> {
        if let Some(batch) = self.held_back.take() {
            return Some(batch);
        }
        loop {
            match self.committed.try_recv() {
                Ok(batch) => return Some(batch),
                // Too slow: the log has what was dropped.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use event_store::{Append, Expected, NewEvent, database};
    use local_stack::testing::TestDatabase;
    use schemas::{EventId, TicketEvent, TicketId, Version, envelope::Metadata, event::TicketClosed};
    use ulid::Ulid;
    use uuid::Uuid;

    use super::*;

    /// As many processes as asked for on one log.
    async fn processes<const N: usize>() -> [EventStore; N] {
        let url = TestDatabase::create().await.unwrap().url().to_owned();
        let mut stores = Vec::new();
        for _ in 0..N {
            let pool = database::pool(&url, "test", 2).unwrap();
            database::MIGRATOR.run(&pool).await.unwrap();
            stores.push(EventStore::open(pool).await.unwrap());
        }
        stores.try_into().unwrap()
    }

    async fn append(store: &EventStore) {
        let id = EventId::new(Uuid::now_v7());
        let metadata =
            Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".to_owned() };
        let event = NewEvent { id, event: TicketEvent::Closed(TicketClosed {}), metadata };
        let ticket = TicketId::new(Ulid::generate());
        let expected = Expected::Exactly(Version::NONE);
        store.append(Append { ticket, expected, events: vec![event], idempotency: None }).await.unwrap();
    }

    async fn next(source: &mut Source, after: i64, end: i64) -> Vec<i64> {
        let events = source.next(Position(after), Position(end)).await.unwrap();
        events.iter().map(|event| event.position.0).collect()
    }

    #[tokio::test]
    async fn what_this_process_commits_is_published_from_memory() {
        let [store] = processes().await;
        let mut source = Source::of(store.clone());
        append(&store).await;
        append(&store).await;
        store.pool().close().await;
        assert_eq!(next(&mut source, 0, 2).await, [1, 2]);
    }

    #[tokio::test]
    async fn what_others_commit_in_between_is_read_from_the_log() {
        let [ours, theirs] = processes().await;
        let mut source = Source::of(ours.clone());
        append(&ours).await;
        append(&theirs).await;
        append(&ours).await;
        assert_eq!(next(&mut source, 0, 3).await, [1]);
        assert_eq!(next(&mut source, 1, 3).await, [2, 3]);
        assert_eq!(next(&mut source, 3, 3).await, [0_i64; 0]);
        append(&ours).await;
        assert_eq!(next(&mut source, 3, 3).await, [4]);
    }

    #[tokio::test]
    async fn what_is_out_already_is_not_published_again() {
        let [store] = processes().await;
        let mut source = Source::of(store.clone());
        for _ in 0..3 {
            append(&store).await;
        }
        assert_eq!(next(&mut source, 2, 3).await, [3]);
    }

    #[tokio::test]
    async fn what_a_slow_reader_let_pass_is_read_from_the_log() {
        let [store] = processes().await;
        let mut source = Source::of(store.clone());
        let count = 200;
        for _ in 0..count {
            append(&store).await;
        }
        let mut published = Vec::new();
        while published.len() < count as usize {
            let after = published.last().copied().unwrap_or(0);
            let read = next(&mut source, after, count).await;
            assert_eq!(read.first(), Some(&(after + 1)));
            published.extend(read);
        }
        assert_eq!(published, (1..=count).collect::<Vec<_>>());
    }
}
