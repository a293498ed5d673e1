//! Tickets in the log, as the command side and the analyzer write them.

use event_store::{Append, EventStore, Expected, NewEvent, PersonalKeys};
use schemas::{
    EventId, RequesterId, Sealed, TicketEvent, TicketId,
    analysis::{
        AnalysisOf, Choice, Emotion, Emotions, Entity, ModelRef, Mood, Priority, Route, SealedAnalysis,
        Sentiment,
    },
    envelope::Metadata,
    event::{AnalysisCorrected, AnalysisFailed, Requester, TicketAssigned, TicketClosed, TicketSubmitted},
    work::{Change, Decided, Decision, Reading},
};
use serde::Serialize;
use ulid::Ulid;
use uuid::Uuid;

pub(crate) struct Writer {
    pub(crate) store: EventStore,
    pub(crate) keys: PersonalKeys,
}

impl Writer {
    /// A ticket that was submitted and analyzed.
    pub(crate) async fn analyzed(&self, category: &str) -> TicketId {
        self.prioritised(category, Priority::Medium).await
    }

    pub(crate) async fn prioritised(&self, category: &str, priority: Priority) -> TicketId {
        let (ticket, requester) = self.submitted().await;
        let id = EventId::new(Uuid::now_v7());
        let entity =
            Entity { text: "VPN".into(), label: "PRODUCT".into(), start: 0, end: 3, confidence: 0.9 };
        let analysis = analysis(
            category,
            priority,
            self.seal(&requester, id, "entities", vec![entity]).await,
            self.seal(&requester, id, "summary", "VPN drops".to_owned()).await,
        );
        self.append(ticket, id, TicketEvent::Analyzed(Box::new(analysis))).await;
        ticket
    }

    /// A ticket whose analysis was given up.
    pub(crate) async fn failed(&self) -> TicketId {
        let (ticket, _) = self.submitted().await;
        let failure = AnalysisFailed { reason: "out of memory".into(), attempts: 5 };
        self.append(ticket, EventId::new(Uuid::now_v7()), TicketEvent::AnalysisFailed(failure)).await;
        ticket
    }

    pub(crate) async fn submitted(&self) -> (TicketId, RequesterId) {
        let ticket = TicketId::new(Ulid::generate());
        let id = EventId::new(Uuid::now_v7());
        let requester = self.keys.requester_id("ada@example.com");
        let description = "The VPN drops every ten minutes.".to_owned();
        let submitted = TicketSubmitted {
            requester: Requester {
                id: requester.clone(),
                name: self.seal(&requester, id, "name", "Ada Lovelace".to_owned()).await,
                email: self.seal(&requester, id, "email", "ada@example.com".to_owned()).await,
            },
            request_type: "Network".into(),
            description: self.seal(&requester, id, "description", description).await,
            attachments: vec![],
        };
        self.append(ticket, id, TicketEvent::Submitted(submitted)).await;
        (ticket, requester)
    }

    /// Somebody does something.
    pub(crate) async fn happens(&self, ticket: TicketId, event: TicketEvent) {
        self.append(ticket, EventId::new(Uuid::now_v7()), event).await;
    }

    pub(crate) async fn corrected(&self, ticket: TicketId, field: Decision, to: &str) {
        let (from, to) = (Decided::Label("Network".into()), Decided::Label(to.into()));
        self.changed(ticket, EventId::new(Uuid::now_v7()), Change::Decision { field, from, to }).await;
    }

    pub(crate) async fn summarized(&self, ticket: TicketId, summary: &str) {
        let (requester, id) = (self.keys.requester_id("ada@example.com"), EventId::new(Uuid::now_v7()));
        let sealed = self.seal(&requester, id, Reading::MEMBER, summary.to_owned()).await;
        self.changed(ticket, id, Change::Reading(Reading::Summary(sealed))).await;
    }

    /// That the text names this host alone.
    pub(crate) async fn named(&self, ticket: TicketId, host: &str) {
        let (requester, id) = (self.keys.requester_id("ada@example.com"), EventId::new(Uuid::now_v7()));
        let (text, label, end) = (host.to_owned(), "HOST".to_owned(), host.len());
        let entities = vec![Entity { text, label, start: 0, end, confidence: 1.0 }];
        let sealed = self.seal(&requester, id, Reading::MEMBER, entities).await;
        self.changed(ticket, id, Change::Reading(Reading::Entities(sealed))).await;
    }

    async fn changed(&self, ticket: TicketId, id: EventId, change: Change) {
        let requester = self.keys.requester_id("ada@example.com");
        let correction = AnalysisCorrected {
            change,
            reason: self.seal(&requester, id, "reason", "I know better".to_owned()).await,
            by: "desk".into(),
            analysis_id: id,
        };
        self.append(ticket, id, TicketEvent::AnalysisCorrected(correction)).await;
    }

    pub(crate) async fn assigned(&self, ticket: TicketId, to: &str) {
        let event = TicketAssigned { assignee: to.to_owned() };
        self.happens(ticket, TicketEvent::Assigned(event)).await;
    }

    pub(crate) async fn closed(&self, ticket: TicketId) {
        self.happens(ticket, TicketEvent::Closed(TicketClosed {})).await;
    }

    async fn seal<T: Serialize>(&self, who: &RequesterId, id: EventId, field: &str, value: T) -> Sealed<T> {
        self.keys.seal(who, id, field, &value).await.unwrap()
    }

    async fn append(&self, ticket: TicketId, id: EventId, event: TicketEvent) {
        let metadata = Metadata {
            correlationid: id,
            causationid: None,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            actor: "test".into(),
        };
        let events = vec![NewEvent { id, event, metadata }];
        let append = Append { ticket, expected: Expected::Any, events, idempotency: None };
        self.store.append(append).await.unwrap();
    }
}

fn choice<L>(label: L) -> Choice<L> {
    Choice { label, confidence: 0.9, alternatives: vec![], reasons: vec![] }
}

fn analysis(
    category: &str,
    priority: Priority,
    entities: Sealed<Vec<Entity>>,
    summary: Sealed<String>,
) -> SealedAnalysis {
    AnalysisOf {
        category: choice(category.to_owned()),
        priority: choice(priority),
        kind: choice("technical".into()),
        sentiment: Mood {
            label: Sentiment::Negative,
            confidence: 0.8,
            emotion: Emotion::Frustration,
            emotions: Emotions::default(),
            alternatives: vec![],
            reasons: vec![],
        },
        urgency: 7,
        urgency_reasons: vec![],
        route: Route {
            label: "live-chat".into(),
            confidence: 0.7,
            reasoning: String::new(),
            alternatives: vec![],
        },
        entities,
        summary,
        language: "en".into(),
        needs_review: false,
        degraded: false,
        model: ModelRef { name: "m".into(), revision: "1".into(), sha256: "00".into() },
        own: std::collections::BTreeMap::new(),
        duration_ms: 9,
        embedding: None,
    }
}
