//! A ticket's text to `TicketAnalyzed`.

use std::time::Duration;

use event_store::personal_keys::KeyError;
use schemas::{Envelope, EventId, RequesterId, TicketEvent, analysis::SealedAnalysis};
use subscription::Fate;
use ticket::{Command, check_entities, decide, evolve};

use super::{Failure, Worker, stamp};
use crate::{
    analyst::Analyzed,
    metric, rules,
    ticket_text::{self, TicketText},
};

/// Before asking the model again that could not run.
const ANALYZE_AGAIN: Duration = Duration::from_secs(30);

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

    async fn read(&self, envelope: &Envelope) -> Result<TicketText, Failure> {
        Ok(match envelope.event()? {
            TicketEvent::Submitted(submitted) => {
                ticket_text::of_submission(&self.store, &self.keys, envelope, submitted).await?
            }
            _ => ticket_text::of_ticket(&self.store, &self.keys, envelope.subject).await?,
        })
    }

    async fn record(&self, cause: &Envelope, text: &TicketText, analyzed: Analyzed) -> Result<(), Failure> {
        metric::answered(&analyzed.analysis);
        check_entities(&analyzed.analysis.entities)?;
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
