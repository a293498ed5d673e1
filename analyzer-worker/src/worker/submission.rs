//! A ticket's text to `TicketAnalyzed`. The text is what was written, and below it what was said in recordings that have
//! been written down by then; offsets of entities count through both.

use std::time::Duration;

use event_store::personal_keys::KeyError;
use schemas::{
    Envelope, EventId, RequesterId, TicketEvent, Version, analysis::SealedAnalysis, event::TicketSubmitted,
};
use subscription::Fate;
use ticket::{Command, decide, evolve};

use super::{Failure, Worker, stamp};
use crate::{analyst::Analyzed, engine::Request, metric, rules};

/// Before asking the model again that could not run.
const ANALYZE_AGAIN: Duration = Duration::from_secs(30);

/// What is to be analyzed of a ticket.
struct Text {
    requester: RequesterId,
    request: Request,
    /// The version of the ticket it was read at, where later events may add to it.
    version: Option<Version>,
}

impl Worker {
    /// Answers at once, by rules where the model cannot, and then asks for another attempt.
    pub(super) async fn analyze_ticket(&self, envelope: &Envelope) -> Result<Fate, Failure> {
        let text = self.read(envelope).await?;
        poison::abort_on(&text.request.description);
        match self.engine.analyze(text.request.clone()).await {
            Ok(analyzed) => {
                self.record(envelope, &text, analyzed).await?;
                Ok(Fate::Done)
            }
            Err(error) => {
                tracing::error!(ticket.id = %envelope.subject, %error, "rules answer for the model");
                let by_rules = Analyzed { analysis: rules::degraded(&text.request), embedding: None };
                self.record(envelope, &text, by_rules).await?;
                let reason = format!("rules answered: {error}");
                Ok(if error.may_pass() { Fate::Postpone(ANALYZE_AGAIN, reason) } else { Fate::Park(reason) })
            }
        }
    }

    async fn read(&self, envelope: &Envelope) -> Result<Text, Failure> {
        if let TicketEvent::Submitted(submitted) = envelope.event()?
            && submitted.attachments.is_empty()
        {
            let request = self.open(envelope.id, &submitted).await?;
            return Ok(Text { requester: submitted.requester.id, request, version: None });
        }
        let stream = self.store.read_stream(envelope.subject, Version::NONE).await?;
        self.read_with_transcripts(&stream).await
    }

    async fn read_with_transcripts(&self, stream: &[Envelope]) -> Result<Text, Failure> {
        let first = stream.first().ok_or(Failure::NoSubmission)?;
        let TicketEvent::Submitted(submitted) = first.event()? else { return Err(Failure::NoSubmission) };
        let mut request = self.open(first.id, &submitted).await?;
        for event in stream.iter().filter(|event| event.type_name == "hub.ticket.transcribed.v1") {
            let TicketEvent::Transcribed(transcript) = event.event()? else { continue };
            let said = self.keys.open_sealed(&transcript.text, event.id, "text").await?;
            request.description = format!("{}\n\n{said}", request.description);
        }
        let version = stream.last().map(|event| event.version);
        Ok(Text { requester: submitted.requester.id, request, version })
    }

    async fn open(&self, id: EventId, submitted: &TicketSubmitted) -> Result<Request, KeyError> {
        let description = self.keys.open_sealed(&submitted.description, id, "description").await?;
        Ok(Request { description, request_type: submitted.request_type.clone() })
    }

    async fn record(&self, cause: &Envelope, text: &Text, analyzed: Analyzed) -> Result<(), Failure> {
        metric::answered(&analyzed.analysis);
        // An id of its own, so that the full answer can follow.
        let purpose = if analyzed.analysis.degraded { "degraded-analysis" } else { "analysis" };
        let id = cause.id.derive(purpose);
        let sealed = Box::new(self.seal(id, &text.requester, analyzed).await?);
        let mut stamp = stamp(cause, id);
        stamp.required = text.version;
        let record = |state: &_| decide(state, Command::RecordAnalysis(sealed.clone()));
        self.store.handle(cause.subject, stamp, evolve, record).await?;
        Ok(())
    }

    async fn seal(
        &self,
        id: EventId,
        requester: &RequesterId,
        Analyzed { analysis, embedding }: Analyzed,
    ) -> Result<SealedAnalysis, KeyError> {
        let keys = &self.keys;
        let entities = keys.seal_for_known(requester, id, "entities", &analysis.entities).await?;
        let summary = keys.seal_for_known(requester, id, "summary", &analysis.summary).await?;
        let mut sealed = analysis.with_personal(entities, summary);
        if let Some(embedding) = &embedding {
            sealed.embedding = Some(keys.seal_for_known(requester, id, "embedding", embedding).await?);
        }
        Ok(sealed)
    }
}

/// A ticket that ends the process, for the test that others flow all the same. Release builds have no such thing.
mod poison {
    #[cfg(debug_assertions)]
    pub(super) fn abort_on(text: &str) {
        let is_poison = |poison: String| !poison.is_empty() && text.contains(&poison);
        if std::env::var("ANALYZER_TEST_POISON").is_ok_and(is_poison) {
            std::process::abort();
        }
    }

    #[cfg(not(debug_assertions))]
    pub(super) const fn abort_on(_: &str) {}
}
