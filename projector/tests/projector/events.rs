//! The facts tests put into the log.

use event_store::Appended;
use schemas::{
    TicketEvent,
    analysis::{AnalysisOf, Choice, Emotion, Emotions, Entity, ModelRef, Mood, Priority, Route, Sentiment},
    embedding::Embedding,
    event::{AnalysisFailed, CrmDeliveryParked, CrmOutcome, CrmRecordCreated, Requester, TicketSubmitted},
};

use crate::hub::{Hub, new_event_id};

pub(crate) const DESCRIPTION: &str = "srv-fs01 has been down since nine, nobody can work";

/// The labels of an analysis that tests tell tickets apart by.
#[derive(Clone, Copy)]
pub(crate) struct Labels {
    pub(crate) category: &'static str,
    pub(crate) priority: Priority,
    pub(crate) sentiment: Sentiment,
    pub(crate) route: &'static str,
    pub(crate) needs_review: bool,
    pub(crate) degraded: bool,
}

pub(crate) const LABELS: Labels = Labels {
    category: "Network",
    priority: Priority::High,
    sentiment: Sentiment::Negative,
    route: "live-chat",
    needs_review: false,
    degraded: false,
};

impl Hub {
    pub(crate) async fn submit(&self, n: u128, email: &str, request_type: &str) -> Appended {
        self.submit_as(n, email, request_type, DESCRIPTION).await
    }

    /// Tickets of Ada, all at once: they share commits.
    pub(crate) async fn submit_many(&self, numbers: std::ops::RangeInclusive<u128>, request_type: &str) {
        let submissions = numbers.map(|n| self.submit(n, "ada@example.com", request_type));
        futures::future::join_all(submissions).await;
    }

    /// A ticket of Ada with this description.
    pub(crate) async fn submit_text(&self, n: u128, description: &str) -> Appended {
        self.submit_as(n, "ada@example.com", "Network", description).await
    }

    async fn submit_as(&self, n: u128, email: &str, request_type: &str, description: &str) -> Appended {
        let id = new_event_id();
        let requester = self.keys.requester_id(email);
        let seal = async |field: &str, value: &str| {
            self.keys.seal(&requester, id, field, &value.to_owned()).await.unwrap()
        };
        let submitted = TicketSubmitted {
            description: seal("description", description).await,
            requester: Requester {
                name: seal("name", "Ada Lovelace").await,
                email: seal("email", email).await,
                id: requester.clone(),
            },
            request_type: request_type.to_owned(),
            attachments: vec![],
        };
        self.append(n, id, TicketEvent::Submitted(submitted)).await
    }

    pub(crate) async fn analyze(&self, n: u128, email: &str, labels: Labels) -> Appended {
        self.analyze_naming(n, email, labels, &[("srv-fs01", "HOST")]).await
    }

    /// An analysis of Ada's ticket that found this language.
    pub(crate) async fn analyze_in(&self, n: u128, language: &str) -> Appended {
        let answer = AnalysisOf { language: language.to_owned(), ..answer(LABELS) };
        self.analyze_as(n, "ada@example.com", answer, &[], embedding()).await
    }

    /// An analysis that puts the ticket's text there.
    pub(crate) async fn analyze_at(&self, n: u128, email: &str, embedding: Embedding) -> Appended {
        self.analyze_as(n, email, answer(LABELS), &[], embedding).await
    }

    /// An analysis that found these names, each with its label.
    pub(crate) async fn analyze_naming(
        &self,
        n: u128,
        email: &str,
        labels: Labels,
        names: &[(&str, &str)],
    ) -> Appended {
        self.analyze_as(n, email, answer(labels), names, embedding()).await
    }

    async fn analyze_as(
        &self,
        n: u128,
        email: &str,
        answer: AnalysisOf<(), ()>,
        names: &[(&str, &str)],
        embedding: Embedding,
    ) -> Appended {
        let id = new_event_id();
        let requester = self.keys.requester_id(email);
        let entity = |(text, label): &(&str, &str)| Entity {
            text: (*text).to_owned(),
            label: (*label).to_owned(),
            start: 0,
            end: text.len(),
            confidence: 0.97,
        };
        let entities: Vec<_> = names.iter().map(entity).collect();
        let entities = self.keys.seal(&requester, id, "entities", &entities).await.unwrap();
        let summary =
            self.keys.seal(&requester, id, "summary", &"srv-fs01 is down".to_owned()).await.unwrap();
        let embedding = self.keys.seal(&requester, id, "embedding", &embedding).await.unwrap();
        let answer = answer.with_personal(entities, summary);
        let answer = AnalysisOf { embedding: Some(embedding), ..answer };
        self.append(n, id, TicketEvent::Analyzed(Box::new(answer))).await
    }

    pub(crate) async fn fail_analysis(&self, n: u128) -> Appended {
        let failed = AnalysisFailed { reason: "the model does not load".into(), attempts: 20 };
        self.append(n, new_event_id(), TicketEvent::AnalysisFailed(failed)).await
    }

    pub(crate) async fn deliver(&self, n: u128) -> Appended {
        let record = CrmRecordCreated {
            system: "zoho".into(),
            record_id: format!("35207100000002{n:04}"),
            how: CrmOutcome::Posted,
            attempts: 2,
            batch: "b_1".into(),
        };
        self.append(n, new_event_id(), TicketEvent::CrmRecordCreated(record)).await
    }

    pub(crate) async fn park(&self, n: u128) -> Appended {
        let parked = CrmDeliveryParked { system: "zoho".into(), reason: "3001: refused".into(), attempts: 1 };
        self.append(n, new_event_id(), TicketEvent::CrmDeliveryParked(parked)).await
    }

    /// Ticket 1 of Ada, from the submission to the CRM record.
    pub(crate) async fn whole_journey(&self) {
        self.submit(1, "ada@example.com", "Network").await;
        self.analyze(1, "ada@example.com", LABELS).await;
        self.deliver(1).await;
    }
}

/// Where every analyzed text of the tests lies.
pub(crate) fn embedding() -> Embedding {
    Embedding::quantised("minilm-l6", &[1.0, -1.0, 0.5, 0.0])
}

fn choice<L>(label: L) -> Choice<L> {
    Choice { label, confidence: 0.93, alternatives: vec![], reasons: vec!["by example".into()] }
}

fn answer(labels: Labels) -> AnalysisOf<(), ()> {
    AnalysisOf {
        category: choice(labels.category.to_owned()),
        priority: choice(labels.priority),
        kind: choice("technical".to_owned()),
        sentiment: Mood {
            label: labels.sentiment,
            confidence: 0.81,
            emotion: Emotion::Frustration,
            emotions: Emotions { frustration: 0.8, ..Emotions::default() },
            alternatives: vec![],
            reasons: vec![],
        },
        urgency: 8,
        urgency_reasons: vec![],
        route: Route {
            label: labels.route.to_owned(),
            confidence: 0.7,
            reasoning: "A person has to look.".into(),
            alternatives: vec![],
        },
        entities: (),
        summary: (),
        language: "en".into(),
        needs_review: labels.needs_review,
        degraded: labels.degraded,
        model: ModelRef { name: "minilm-l6".into(), revision: "1".into(), sha256: "00".into() },
        own: std::collections::BTreeMap::new(),
        duration_ms: 14,
        embedding: None,
    }
}
