//! Answering with the analysis when a client asks to wait for it. The log is asked after every hint and twice a second
//! anyway; no answer in time is no error.

use std::time::Duration;

use event_store::{EventStore, PersonalKeys};
use futures::{Stream, StreamExt as _};
use schemas::{
    Envelope, Position, TicketEvent, TicketId, Version,
    analysis::{AnalysisAnswer, SealedAnalysis},
};

/// How often the log is asked while no hint comes.
const POLL: Duration = Duration::from_millis(500);

/// The ticket's analysis, if there is one within `patience`.
pub async fn analysis(
    store: &EventStore,
    keys: &PersonalKeys,
    ticket: TicketId,
    mut hints: Option<impl Stream<Item = Option<Position>> + Unpin>,
    patience: Duration,
) -> Option<AnalysisAnswer> {
    let look = async {
        loop {
            if let Some((envelope, sealed)) = find(store, ticket).await {
                return open(keys, &envelope, sealed).await;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                Some(_) = async { hints.as_mut()?.next().await } => {}
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

async fn open(
    keys: &PersonalKeys,
    envelope: &Envelope,
    sealed: Box<SealedAnalysis>,
) -> Option<AnalysisAnswer> {
    let entities = keys.open_sealed(&sealed.entities, envelope.id, "entities").await.ok()?;
    let summary = keys.open_sealed(&sealed.summary, envelope.id, "summary").await.ok()?;
    Some(sealed.with_personal(entities, summary).into())
}
