//! Commands on one ticket wait for one another. Within a process none loses to another then, and a ticket that everybody
//! wants costs each of them one load and one append; commands of other processes still meet in the log.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemas::TicketId;
use tokio::sync::OwnedMutexGuard;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// Who is at which ticket. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<TicketId, Queue>>>);

/// Nobody else of this process is at the ticket until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    ticket: TicketId,
    /// Whether others were at the ticket meanwhile.
    pub(crate) waited: bool,
    /// None only while it is dropped.
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for those who came before.
    pub(crate) async fn take(&self, ticket: TicketId) -> Turn {
        let queue = Arc::clone(self.lock().entry(ticket).or_default());
        let (held, waited) = match Arc::clone(&queue).try_lock_owned() {
            Ok(held) => (held, false),
            Err(_) => (queue.lock_owned().await, true),
        };
        Turn { turns: self.clone(), ticket, waited, held: Some(held) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TicketId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = self.turns.lock();
        self.held = None;
        // Whoever waits has a share of it, taken under the lock that is held here.
        if queues.get(&self.ticket).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_is_at_a_ticket_and_nothing_is_kept() {
        let turns = Turns::default();
        let (mine, other) = (TicketId::new(1.into()), TicketId::new(2.into()));
        let turn = turns.take(mine).await;
        assert!(!turn.waited && !turns.take(other).await.waited);
        let next = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(mine).await.waited }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(turn);
        assert!(next.await.unwrap());
        // Who gave up waiting leaves nothing either.
        let turn = turns.take(mine).await;
        let gave_up = tokio::time::timeout(std::time::Duration::ZERO, turns.take(mine)).await;
        assert!(gave_up.is_err());
        drop(turn);
        assert!(turns.lock().is_empty());
    }
}
