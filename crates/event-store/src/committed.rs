//! What this process has just committed, while it is still in memory: whoever publishes the log need not read it back. What
//! is missing here (the events of other processes, and what a slow reader let pass) is in the log.

use std::sync::Arc;

use schemas::{Envelope, Position, Version, envelope::Recorded};
use tokio::sync::broadcast;

use crate::{
    append::{Appended, Encoded},
    error::AppendError,
};

/// Batches that wait for a slow reader at most; older ones are dropped.
const KEPT: usize = 64;

/// The commands that one transaction appended: their positions follow one another without a gap.
#[derive(Debug)]
pub struct Committed {
    commands: Vec<(Encoded, Appended)>,
    first: Position,
    last: Position,
}

impl Committed {
    /// What became of a batch; `None` where nothing was appended.
    fn new(batch: Vec<Encoded>, outcome: &[Result<Appended, AppendError>]) -> Option<Self> {
        let outcome = outcome.iter().map(|result| result.as_ref().ok().filter(|appended| !appended.replayed));
        let commands: Vec<_> =
            batch.into_iter().zip(outcome).filter_map(|(command, done)| Some((command, *done?))).collect();
        let (_, first) = commands.first()?;
        let (command, last) = commands.last()?;
        let (first, last) = (first.position, Position(last.position.0 + command.events.len() as i64 - 1));
        Some(Self { commands, first, last })
    }

    /// Of the first event.
    #[must_use]
    pub const fn first(&self) -> Position {
        self.first
    }

    /// Of the last event.
    #[must_use]
    pub const fn last(&self) -> Position {
        self.last
    }

    /// The events, in order, as the log returns them.
    pub fn envelopes(&self) -> impl Iterator<Item = Envelope> {
        self.commands.iter().flat_map(|(command, appended)| dress(command, *appended))
    }
}

fn dress(command: &Encoded, appended: Appended) -> impl Iterator<Item = Envelope> {
    let version = appended.version.0 - command.events.len() as i32;
    command.events.iter().zip(0..).map(move |(event, ahead)| {
        let place = Recorded {
            id: event.id,
            ticket: command.ticket,
            position: Position(appended.position.0 + i64::from(ahead)),
            version: Version(version + ahead + 1),
            time: appended.time,
        };
        Envelope::new(place, event.type_name.to_owned(), event.metadata.clone(), event.data.clone())
    })
}

/// The way from the writer to whoever publishes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Fresh(broadcast::Sender<Arc<Committed>>);

impl Default for Fresh {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Fresh {
    /// What is committed from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.0.subscribe()
    }

    /// Passes a batch on, if anybody is interested.
    pub(crate) fn pass_on(&self, batch: Vec<Encoded>, outcome: &[Result<Appended, AppendError>]) {
        if self.0.receiver_count() > 0
            && let Some(committed) = Committed::new(batch, outcome)
        {
            // Whoever went away meanwhile will read the log.
            let _ = self.0.send(Arc::new(committed));
        }
    }
}
