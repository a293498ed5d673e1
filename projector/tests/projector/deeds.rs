//! What people do in tests, straight into the log.

use event_store::Appended;
use schemas::{
    EventId, Sealed, TicketEvent,
    analysis::Entity,
    event::{
        AnalysisCorrected, ResolutionConfirmed, TicketAssigned, TicketClosed, TicketCommented,
        TicketReopened, TicketResolved,
    },
    work::{Change, Decided, Decision, Reading},
};
use serde::Serialize;

use crate::hub::{Hub, new_event_id};

/// Whose tickets people work on.
pub(crate) const ADA: &str = "ada@example.com";

impl Hub {
    pub(crate) async fn assign(&self, n: u128, assignee: &str) -> Appended {
        let event = TicketEvent::Assigned(TicketAssigned { assignee: assignee.to_owned() });
        self.append(n, new_event_id(), event).await
    }

    pub(crate) async fn comment(&self, n: u128, text: &str) -> Appended {
        let id = new_event_id();
        let text = self.seal(id, "text", text).await;
        self.append(n, id, TicketEvent::Commented(TicketCommented { text })).await
    }

    pub(crate) async fn resolve(&self, n: u128, resolution: &str) -> Appended {
        let id = new_event_id();
        let resolution = self.seal(id, "resolution", resolution).await;
        self.append(n, id, TicketEvent::Resolved(TicketResolved { resolution })).await
    }

    pub(crate) async fn confirm(&self, n: u128, score: u8) -> Appended {
        let confirmed = ResolutionConfirmed { score, signature: None };
        self.append(n, new_event_id(), TicketEvent::ResolutionConfirmed(confirmed)).await
    }

    pub(crate) async fn reopen(&self, n: u128, reason: &str) -> Appended {
        let id = new_event_id();
        let reason = self.seal(id, "reason", reason).await;
        self.append(n, id, TicketEvent::Reopened(TicketReopened { reason })).await
    }

    pub(crate) async fn close(&self, n: u128) -> Appended {
        self.append(n, new_event_id(), TicketEvent::Closed(TicketClosed {})).await
    }

    /// What stood there before and which analysis it was do not matter to the read model.
    pub(crate) async fn correct(&self, n: u128, field: Decision, to: Decided) -> Appended {
        let from = Decided::Label("before".to_owned());
        self.correct_as(n, new_event_id(), Change::Decision { field, from, to }).await
    }

    pub(crate) async fn correct_summary(&self, n: u128, summary: &str) -> Appended {
        let id = new_event_id();
        let sealed = self.seal(id, Reading::MEMBER, summary).await;
        self.correct_as(n, id, Change::Reading(Reading::Summary(sealed))).await
    }

    /// To these names, each with its label.
    pub(crate) async fn correct_entities(&self, n: u128, names: &[(&str, &str)]) -> Appended {
        let id = new_event_id();
        let entities: Vec<_> = names.iter().map(|(text, label)| entity(text, label)).collect();
        let sealed = self.seal_value(id, Reading::MEMBER, &entities).await;
        self.correct_as(n, id, Change::Reading(Reading::Entities(sealed))).await
    }

    async fn correct_as(&self, n: u128, id: EventId, change: Change) -> Appended {
        let corrected = AnalysisCorrected {
            change,
            reason: self.seal(id, "reason", "srv-fs01 is a rented one").await,
            by: "anonymous".to_owned(),
            analysis_id: id,
        };
        self.append(n, id, TicketEvent::AnalysisCorrected(corrected)).await
    }

    async fn seal(&self, id: EventId, field: &str, text: &str) -> Sealed<String> {
        self.seal_value(id, field, &text.to_owned()).await
    }

    async fn seal_value<T: Serialize>(&self, id: EventId, field: &str, value: &T) -> Sealed<T> {
        self.keys.seal(&self.keys.requester_id(ADA), id, field, value).await.unwrap()
    }

    /// All that is no decision of the heads, and the emotion.
    async fn correct_text(&self, n: u128) {
        self.correct_summary(n, "The rented line is cut.").await;
        self.correct_entities(n, &[("srv-fs02", "HOST"), ("Teams", "PRODUCT")]).await;
        self.correct(n, Decision::Language, Decided::Label("de".to_owned())).await;
        self.correct(n, Decision::Emotion, Decided::Label("anger".to_owned())).await;
    }

    /// Everything people can do with ticket `n`, which is open again in the end.
    pub(crate) async fn work_on(&self, n: u128) {
        self.assign(n, "agent-7").await;
        self.comment(n, "Looking into it.").await;
        self.correct(n, Decision::Category, Decided::Label("Cloud".to_owned())).await;
        self.correct(n, Decision::Urgency, Decided::Level(10)).await;
        self.correct_text(n).await;
        self.resolve(n, "Replaced the cable.").await;
        self.confirm(n, 4).await;
        self.close(n).await;
        self.reopen(n, "It drops again.").await;
    }
}

fn entity(text: &str, label: &str) -> Entity {
    let end = text.chars().count();
    Entity { text: text.to_owned(), label: label.to_owned(), start: 0, end, confidence: 1.0 }
}
