//! Tickets as they were when this process last loaded them: the next command on one reads what came since, not its whole past.
//! What is kept may be old, and is never trusted alone: every load asks the log what follows, and every append names the
//! version it was decided on.

use std::{any::Any, sync::Arc};

use quick_cache::sync::Cache;
use schemas::TicketId;

/// Tickets kept at most; those that are asked for often stay.
const KEPT: usize = 10_000;

/// By ticket, whatever a ticket is to who folds it: a process has one fold for a type.
#[derive(Clone, Debug)]
pub(crate) struct States(Arc<Cache<TicketId, Arc<dyn Any + Send + Sync>>>);

impl Default for States {
    fn default() -> Self {
        Self(Arc::new(Cache::new(KEPT)))
    }
}

impl States {
    /// The ticket as it was, if it is kept.
    pub(crate) fn get<L: Clone + Send + Sync + 'static>(&self, ticket: TicketId) -> Option<L> {
        self.0.get(&ticket)?.downcast_ref().cloned()
    }

    pub(crate) fn keep(&self, ticket: TicketId, loaded: impl Send + Sync + 'static) {
        self.0.insert(ticket, Arc::new(loaded));
    }

    /// After a conflict: what is kept may not be of this log any more.
    pub(crate) fn forget(&self, ticket: TicketId) {
        self.0.remove(&ticket);
    }
}
