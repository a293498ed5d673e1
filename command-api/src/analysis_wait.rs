//! Answering with the analysis when a client asks to wait for it. The log is asked after every hint and twice a second
//! anyway; no answer in time is no error.

use std::time::Duration;

use event_store::{EventStore, PersonalKeys};
use futures::{Stream, StreamExt as _};
use schemas::{Analysis, Envelope, TicketEvent, TicketId, Version, analysis::SealedAnalysis};
use serde_json::{Value, json};

/// How often the log is asked while no hint comes.
const POLL: Duration = Duration::from_millis(500);

/// An analysis in clear text, for the client who handed in the ticket.
#[derive(Debug)]
pub struct OpenAnalysis(Analysis);

impl OpenAnalysis {
    /// The four members of document 000, and the full result beside them.
    #[must_use]
    pub fn into_client_json(self) -> Value {
        let entities: Vec<_> = self.0.entities.iter().map(|entity| entity.text.as_str()).collect();
        json!({
            "category": self.0.category.label,
            "priority": self.0.priority.label,
            "summary": self.0.summary,
            "entities": entities,
            "analysis": self.0,
        })
    }
}

/// The ticket's analysis, if there is one within `patience`.
pub async fn analysis(
    store: &EventStore,
    keys: &PersonalKeys,
    ticket: TicketId,
    mut hints: Option<impl Stream<Item = ()> + Unpin>,
    patience: Duration,
) -> Option<OpenAnalysis> {
    let look = async {
        loop {
            if let Some((envelope, sealed)) = find(store, ticket).await {
                return open(keys, &envelope, sealed).await;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                Some(()) = async { hints.as_mut()?.next().await } => {}
            }
        }
    };
    tokio::time::timeout(patience, look).await.ok().flatten()
}

async fn find(store: &EventStore, ticket: TicketId) -> Option<(Envelope, Box<SealedAnalysis>)> {
    let after_submission = store.read_stream(ticket, Version(2)).await.ok()?;
    after_submission.into_iter().find_map(|envelope| match envelope.event() {
        Ok(TicketEvent::Analyzed(answer)) => Some((envelope, answer)),
        _ => None,
    })
}

async fn open(keys: &PersonalKeys, envelope: &Envelope, sealed: Box<SealedAnalysis>) -> Option<OpenAnalysis> {
    let entities = keys.open_sealed(&sealed.entities, envelope.id, "entities").await.ok()?;
    let summary = keys.open_sealed(&sealed.summary, envelope.id, "summary").await.ok()?;
    Some(OpenAnalysis(sealed.with_personal(entities, summary)))
}
