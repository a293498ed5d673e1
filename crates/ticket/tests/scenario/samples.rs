//! The facts scenarios are made of.

use schemas::{
    Sealed, TicketEvent,
    analysis::{AnalysisOf, Choice, Emotion, Emotions, ModelRef, Mood, Priority, Route, Sentiment},
    event::{
        CrmOutcome, CrmRecordCreated, Requester, TicketAnalyzed, TicketAssigned, TicketClosed,
        TicketCommented, TicketReopened, TicketResolved, TicketSubmitted, TicketTranscribed,
    },
};

pub(crate) fn sealed<T>() -> Sealed<T> {
    Sealed::from_ciphertext(
        "00112233445566778899aabbccddeeff".parse().expect("a requester id"),
        vec![1, 2, 3],
    )
}

pub(crate) fn submission() -> TicketSubmitted {
    let id = "00112233445566778899aabbccddeeff".parse().expect("a requester id");
    TicketSubmitted {
        requester: Requester { id, name: sealed(), email: sealed() },
        request_type: "Network".into(),
        description: sealed(),
        attachments: vec![],
    }
}

fn choice<L>(label: L) -> Choice<L> {
    Choice { label, confidence: 0.9, alternatives: vec![], reasons: vec![] }
}

pub(crate) fn analysis(revision: &str) -> Box<TicketAnalyzed> {
    Box::new(AnalysisOf {
        category: choice("Network".into()),
        priority: choice(Priority::High),
        kind: choice("urgent".into()),
        sentiment: Mood {
            label: Sentiment::Neutral,
            confidence: 0.8,
            emotion: Emotion::None,
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
        entities: sealed(),
        summary: sealed(),
        language: "en".into(),
        needs_review: false,
        degraded: false,
        model: ModelRef { name: "minilm-l6".into(), revision: revision.into(), sha256: "00".into() },
        own: std::collections::BTreeMap::new(),
        duration_ms: 9,
        embedding: None,
    })
}

pub(crate) fn degraded() -> Box<TicketAnalyzed> {
    let mut answer = analysis("rules");
    answer.degraded = true;
    answer
}

pub(crate) fn transcript(sha256: &str) -> TicketTranscribed {
    TicketTranscribed {
        sha256: sha256.into(),
        text: sealed(),
        engine: "pocketsphinx".into(),
        duration_ms: 2000,
    }
}

pub(crate) fn record(id: &str) -> CrmRecordCreated {
    CrmRecordCreated {
        system: "zoho".into(),
        record_id: id.into(),
        how: CrmOutcome::Posted,
        attempts: 1,
        batch: "b_1".into(),
    }
}

pub(crate) fn submitted() -> TicketEvent {
    TicketEvent::Submitted(submission())
}

pub(crate) fn analyzed(revision: &str) -> TicketEvent {
    TicketEvent::Analyzed(analysis(revision))
}

pub(crate) fn assigned(assignee: &str) -> TicketEvent {
    TicketEvent::Assigned(TicketAssigned { assignee: assignee.into() })
}

pub(crate) fn comment() -> TicketCommented {
    TicketCommented { text: sealed() }
}

pub(crate) fn resolution() -> TicketResolved {
    TicketResolved { resolution: sealed() }
}

pub(crate) fn resolved() -> TicketEvent {
    TicketEvent::Resolved(resolution())
}

pub(crate) fn reopening() -> TicketReopened {
    TicketReopened { reason: sealed() }
}

pub(crate) fn reopened() -> TicketEvent {
    TicketEvent::Reopened(reopening())
}

pub(crate) fn closed() -> TicketEvent {
    TicketEvent::Closed(TicketClosed {})
}
