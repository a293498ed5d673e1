//! The stage on the log: a submitted ticket is opened, analyzed, and its answer sealed and appended. Doing it twice
//! is harmless, because the answer's event id is derived from the submission's.

use std::time::Duration;

use event_store::{
    AppendError, EventStore, PersonalKeys, Stamp, StoreError, handle::HandleError, personal_keys::KeyError,
};
use futures::{StreamExt as _, stream};
use schemas::{
    Envelope, TicketEvent,
    analysis::SealedAnalysis,
    envelope::Metadata,
    event::{DecodeError, TicketSubmitted},
};
use subscription::{Fate, Reaction};
use ticket::{Command, Rejection, decide, evolve};

use crate::{
    analyst::Analyzed,
    engine::{AnalyzeError, Engine, Request},
    metric, rules,
};

/// Name of the stage.
pub const STAGE: &str = "analyzer";
/// Tickets worked on at a time: enough to fill the model's batches while others are read and appended.
const IN_FLIGHT: usize = 64;
/// Before trying again what a neighbour's outage stopped.
const PAUSE: Duration = Duration::from_secs(2);
const ACTOR: &str = "system:analyzer";

/// Analyzes submitted tickets.
pub struct Worker {
    store: EventStore,
    keys: PersonalKeys,
    engine: Engine,
}

/// Why a ticket has no analysis. None of the messages quotes it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the personal data cannot be had")]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Model(#[from] AnalyzeError),
    #[error("the answer cannot be appended")]
    Append(#[from] HandleError<Rejection>),
}

impl Worker {
    /// A worker that reads and writes this log.
    #[must_use]
    pub const fn new(store: EventStore, keys: PersonalKeys, engine: Engine) -> Self {
        Self { store, keys, engine }
    }

    async fn handle(&self, envelope: &Envelope) -> Fate {
        match self.analyze(envelope).await {
            // Erased meanwhile: there is nothing left to analyze.
            Ok(()) | Err(Failure::Keys(KeyError::Erased(_))) => Fate::Done,
            Err(failure) => failure.into_fate(),
        }
    }

    async fn analyze(&self, envelope: &Envelope) -> Result<(), Failure> {
        let TicketEvent::Submitted(submitted) = envelope.event()? else { return Ok(()) };
        let request = self.open(envelope, &submitted).await?;
        let analyzed = self.answer(envelope, &request).await?;
        metric::answered(&analyzed.analysis);
        self.append(envelope, &submitted, analyzed).await
    }

    async fn open(&self, envelope: &Envelope, submitted: &TicketSubmitted) -> Result<Request, KeyError> {
        let description = self.keys.open_sealed(&submitted.description, envelope.id, "description").await?;
        Ok(Request { description, request_type: submitted.request_type.clone() })
    }

    /// The model's answer, or that of the rules for a ticket the model breaks on.
    async fn answer(&self, envelope: &Envelope, request: &Request) -> Result<Analyzed, AnalyzeError> {
        match self.engine.analyze(request.clone()).await {
            Err(error @ (AnalyzeError::Panicked(_) | AnalyzeError::BadAnswer(_))) => {
                tracing::error!(ticket.id = %envelope.subject, %error, "rules answer for the model");
                Ok(Analyzed { analysis: rules::degraded(request), embedding: None })
            }
            answer => answer,
        }
    }

    async fn append(
        &self,
        envelope: &Envelope,
        submitted: &TicketSubmitted,
        analyzed: Analyzed,
    ) -> Result<(), Failure> {
        // An id of its own, so that the full answer can follow.
        let purpose = if analyzed.analysis.degraded { "degraded-analysis" } else { "analysis" };
        let id = envelope.id.derive(purpose);
        let metadata = Metadata {
            correlationid: envelope.metadata.correlationid,
            causationid: Some(envelope.id),
            traceparent: envelope.metadata.traceparent.clone(),
            actor: ACTOR.to_owned(),
        };
        let sealed = Box::new(self.seal(id, submitted, analyzed).await?);
        let record = |state: &_| decide(state, Command::RecordAnalysis(sealed.clone()));
        self.store.handle(envelope.subject, Stamp::new(id, metadata), evolve, record).await?;
        Ok(())
    }

    async fn seal(
        &self,
        id: schemas::EventId,
        submitted: &TicketSubmitted,
        Analyzed { analysis, embedding }: Analyzed,
    ) -> Result<SealedAnalysis, KeyError> {
        let requester = &submitted.requester.id;
        let entities = self.keys.seal(requester, id, "entities", &analysis.entities).await?;
        let summary = self.keys.seal(requester, id, "summary", &analysis.summary).await?;
        let mut sealed = analysis.with_personal(entities, summary);
        if let Some(embedding) = &embedding {
            sealed.embedding = Some(self.keys.seal(requester, id, "embedding", embedding).await?);
        }
        Ok(sealed)
    }
}

impl Failure {
    /// What a neighbour's return can heal is tried again; the rest needs an operator.
    fn into_fate(self) -> Fate {
        let may_pass = match &self {
            Self::Keys(KeyError::Store(error)) | Self::Append(HandleError::Load(error)) => {
                !matches!(error, StoreError::Damaged { .. })
            }
            Self::Append(HandleError::Append(error)) => {
                matches!(error, AppendError::Unavailable(_) | AppendError::Conflict { .. })
            }
            Self::Model(error) => matches!(error, AnalyzeError::Stopped),
            _ => false,
        };
        let reason = self.reason();
        if may_pass { Fate::RetryAfter(PAUSE, reason) } else { Fate::Park(reason) }
    }

    /// The message with its causes, except of those that may quote stored values.
    fn reason(&self) -> String {
        match self {
            Self::Keys(source) => format!("{self}: {source}"),
            Self::Append(source) => format!("{self}: {source}"),
            Self::Malformed(_) | Self::Model(_) => self.to_string(),
        }
    }
}

impl Reaction for Worker {
    fn concerns(&self, type_name: &str) -> bool {
        type_name == "hub.ticket.submitted.v1"
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        // Collected first: a lazy stream over borrowed events is not `Send` enough for the compiler.
        let work: Vec<_> = events.iter().map(|event| self.handle(event)).collect();
        stream::iter(work).buffered(IN_FLIGHT).collect().await
    }
}
