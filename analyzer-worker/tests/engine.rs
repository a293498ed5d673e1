//! The engine with the real model and the committed heads.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use analyzer_worker::{
    engine::{Engine, StartError},
    labels::{CATEGORIES, KINDS, ROUTES},
    model::{
        LoadError,
        heads::{MANIFEST_FILE, WEIGHTS_FILE},
    },
    settings::PrecisionChoice,
};
use schemas::{Analysis, analysis::Emotion, analysis::Sentiment};
use support::{TICKET, engine, request, settings};

#[tokio::test]
async fn an_answer_stays_within_its_labels() {
    let answer = engine().analyze(request(TICKET)).await.unwrap().analysis;
    assert!(CATEGORIES.contains(&answer.category.label.as_str()));
    assert!(KINDS.contains(&answer.kind.label.as_str()));
    assert!(ROUTES.contains(&answer.route.label.as_str()));
    assert!((1..=10).contains(&answer.urgency) && !answer.degraded);
    assert_eq!(answer.sentiment.label == Sentiment::Neutral, answer.sentiment.emotion == Emotion::None);
    let of_category =
        answer.category.alternatives.iter().map(|a| a.score).sum::<f32>() + answer.category.confidence;
    assert!((0.9..=1.001).contains(&of_category), "{of_category}");
    assert_eq!((answer.language.as_str(), answer.model.name.as_str()), ("en", "minilm-l6"));
}

#[tokio::test]
async fn an_answer_finds_what_the_text_names() {
    let answer = engine().analyze(request(TICKET)).await.unwrap().analysis;
    let found: Vec<_> = answer.entities.iter().map(|e| (e.text.as_str(), e.label.as_str())).collect();
    for expected in [
        ("srv-fs01", "HOST"),
        ("10.20.4.11", "IP"),
        ("0x80070035", "ERROR_CODE"),
        ("Lisbon", "LOCATION"),
        ("today at 12:00", "DATETIME"),
        ("Marek", "PERSON"),
        ("Ingeborg Tamm", "PERSON"),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
    assert!(answer.summary.chars().count() <= 140 && !answer.summary.starts_with("Hello"));
}

/// Reasons are stored unsealed.
#[tokio::test]
async fn reasons_never_quote_the_ticket() {
    let answer = engine().analyze(request(TICKET)).await.unwrap().analysis;
    let reasons = [answer.category.reasons, answer.priority.reasons, answer.kind.reasons].concat();
    let words: Vec<_> = TICKET.split_whitespace().collect();
    for phrase in words.windows(3).map(|three| three.join(" ")) {
        assert!(!reasons.iter().any(|reason| reason.contains(&phrase)), "{phrase}");
    }
    assert!(!reasons.is_empty());
}

#[tokio::test]
async fn tickets_together_get_the_answers_they_get_alone() {
    let engine = engine();
    let texts = [TICKET, "How do I reset my password?", "Thanks, the new laptops are great!", "x", "!!!"];
    let together = engine.analyze_all(texts.map(request).to_vec()).await;
    for (text, together) in texts.into_iter().zip(together) {
        let alone = engine.analyze(request(text)).await.unwrap();
        assert_eq!(labels(&together.unwrap().analysis), labels(&alone.analysis), "{text:.20}");
    }
}

fn labels(analysis: &Analysis) -> (String, String, String, u8, String) {
    let (category, kind) = (analysis.category.label.clone(), analysis.kind.label.clone());
    (category, kind, analysis.route.label.clone(), analysis.urgency, analysis.summary.clone())
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_engine() {
    let engine = engine();
    for _ in 0..20 {
        let impatient = engine.analyze(request(TICKET));
        // Polled once, so that it is in the queue, and dropped.
        let _ = futures::future::select(Box::pin(impatient), Box::pin(std::future::ready(()))).await;
    }
    assert!(engine.analyze(request("The dock is dead.")).await.is_ok());
    assert!(engine.is_ready());
}

#[test]
fn a_missing_model_says_how_to_install_it() {
    let mut settings = settings(PrecisionChoice::F32);
    settings.model_dir = tempfile::tempdir().unwrap().path().to_owned();
    let error = Engine::start(&settings).err().unwrap();
    assert!(matches!(error, StartError::Load(LoadError::Missing { .. })), "{error}");
    assert!(error.to_string().contains("make deps"), "{error}");
}

#[test]
fn heads_that_do_not_belong_together_do_not_load() {
    let mut settings = settings(PrecisionChoice::F32);
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(settings.heads_dir.join(MANIFEST_FILE), dir.path().join(MANIFEST_FILE)).unwrap();
    let mut weights = std::fs::read(settings.heads_dir.join(WEIGHTS_FILE)).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    std::fs::write(dir.path().join(WEIGHTS_FILE), weights).unwrap();
    settings.heads_dir = dir.path().to_owned();
    let error = Engine::start(&settings).err().unwrap();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}
