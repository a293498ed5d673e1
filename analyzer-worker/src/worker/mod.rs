//! The stage on the log: what came in is opened, analyzed, and the answer sealed and appended. Doing it twice is harmless,
//! because the answer's event id is derived from the id of what is answered.
//!
//! - here: which event leads to what
//! - `submission`: a submission, or a recording that was written down, to `TicketAnalyzed`
//! - `comment`: a comment to `CommentAnalyzed`
//! - `promotion`: another model answers
//! - `failure`: what shall become of an event without an answer

mod comment;
mod failure;
mod promotion;
mod submission;

use event_store::{EventStore, PersonalKeys, Stamp};
use futures::{StreamExt as _, stream};
use schemas::{Envelope, EventId, TicketEvent, event::AnalysisFailed};
use subscription::{Fate, Reaction};
use ticket::{Command, decide, evolve};

use crate::{engine::Engine, models::Models};
use failure::Failure;

/// Name of the stage.
pub const STAGE: &str = "analyzer";
/// Tickets worked on at a time: enough to fill the model's batches while others are read and appended.
const IN_FLIGHT: usize = 64;
const ACTOR: &str = "system:analyzer";
/// What the worker reacts to.
const CONCERNS: [&str; 4] = [
    "hub.ticket.submitted.v1",
    "hub.ticket.transcribed.v1",
    "hub.ticket.commented.v1",
    "hub.model.promoted.v1",
];

/// Analyzes what comes in.
pub struct Worker {
    store: EventStore,
    keys: PersonalKeys,
    engine: Engine,
    models: Models,
}

impl Worker {
    /// A worker that reads and writes this log.
    #[must_use]
    pub const fn new(store: EventStore, keys: PersonalKeys, engine: Engine, models: Models) -> Self {
        Self { store, keys, engine, models }
    }

    async fn handle(&self, envelope: &Envelope) -> Fate {
        match self.work(envelope).await {
            Ok(fate) => fate,
            // Erased meanwhile: there is nothing left to analyze.
            Err(failure) if failure.is_erasure() => Fate::Done,
            Err(failure) => failure.into_fate(),
        }
    }

    async fn work(&self, envelope: &Envelope) -> Result<Fate, Failure> {
        match envelope.event()? {
            TicketEvent::Submitted(_) | TicketEvent::Transcribed(_) => self.analyze_ticket(envelope).await,
            TicketEvent::Commented(comment) => self.analyze_comment(envelope, &comment).await,
            TicketEvent::ModelPromoted(promoted) => self.promote(&promoted.model).await,
            _ => Ok(Fate::Done),
        }
    }

    /// Records that there will be no answer, so that a person looks.
    async fn give_up(&self, envelope: &Envelope, attempts: u32) -> Result<(), Failure> {
        if !matches!(envelope.event()?, TicketEvent::Submitted(_)) {
            return Ok(());
        }
        let failed = AnalysisFailed { reason: "it ended the analyzer's process".to_owned(), attempts };
        let stamp = stamp(envelope, envelope.id.derive("analysis-failed"));
        let record = |state: &_| decide(state, Command::RecordAnalysisFailure(failed.clone()));
        self.store.handle(envelope.subject, stamp, evolve, record).await?;
        Ok(())
    }
}

/// An event that follows from `cause`.
fn stamp(cause: &Envelope, id: EventId) -> Stamp {
    Stamp::new(id, cause.metadata.caused_by(cause.id, ACTOR))
}

impl Reaction for Worker {
    fn concerns(&self, type_name: &str) -> bool {
        CONCERNS.contains(&type_name)
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        // Collected first: a lazy stream over borrowed events is not `Send` enough for the compiler.
        let work: Vec<_> = events.iter().map(|event| self.handle(event)).collect();
        stream::iter(work).buffered(IN_FLIGHT).collect().await
    }

    async fn given_up(&self, event: &Envelope, attempts: u32) {
        if let Err(failure) = self.give_up(event, attempts).await {
            tracing::warn!(ticket.id = %event.subject, %failure, "cannot record that there is no analysis");
        }
    }
}
