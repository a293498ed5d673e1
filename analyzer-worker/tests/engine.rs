//! The engine with the real model and the committed heads.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::{Duration, Instant};

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
    let reasons =
        [answer.category.reasons, answer.priority.reasons, answer.kind.reasons, answer.urgency_reasons]
            .concat();
    let words: Vec<_> = TICKET.split_whitespace().collect();
    for phrase in words.windows(3).map(|three| three.join(" ")) {
        assert!(!reasons.iter().any(|reason| reason.contains(&phrase)), "{phrase}");
    }
    assert!(!reasons.is_empty());
}

/// However sure the model is: it learned English only, and nothing of what has no words.
#[tokio::test]
async fn what_the_model_cannot_have_understood_needs_a_person() {
    for (text, reason) in [
        ("Wir wurden gehackt, alle Dateien sind verschlüsselt, bitte sofort helfen!", "in German"),
        ("Le serveur est en panne, personne ne peut travailler.", "in French"),
        ("El servidor está caído, nadie puede trabajar.", "in Spanish"),
        ("我们被黑客攻击了,所有文件都被加密了,请马上帮忙!", "in Mandarin"),
        ("Drucker druckt nicht", "no known ticket"),
        ("12345 67890 !!! ???", "no words"),
    ] {
        let answer = engine().analyze(request(text)).await.unwrap().analysis;
        assert!(answer.needs_review, "{text}");
        for reasons in [&answer.category.reasons, &answer.priority.reasons] {
            assert!(reasons[0].contains(reason), "{text}: {reasons:?}");
        }
    }
    for text in
        [TICKET, "I forgot my password, how do I reset it?", "VPN error 809", "Badge does not open door"]
    {
        let answer = engine().analyze(request(text)).await.unwrap().analysis;
        let reasons = [answer.category.reasons, answer.priority.reasons].concat();
        let is_doubt = |reason: &String| reason.contains("not learned") || reason.contains("no known ticket");
        assert!(!reasons.iter().any(is_doubt), "{text}: {reasons:?}");
    }
}

/// Both were reasons, though the text says the opposite.
#[tokio::test]
async fn what_a_text_denies_is_no_reason() {
    let text =
        "Nothing is down and nobody is affected, no error, no virus. Please rename the printer, not urgent.";
    let answer = engine().analyze(request(text)).await.unwrap().analysis;
    let reasons =
        [answer.priority.reasons, answer.kind.reasons, answer.urgency_reasons, vec![answer.route.reasoning]]
            .concat();
    for denied in ["everybody affected", "work at a standstill", "an attack", "a malfunction"] {
        assert!(!reasons.iter().any(|reason| reason.contains(denied)), "{denied}: {reasons:?}");
    }
}

#[tokio::test]
async fn an_urgency_has_the_reasons_that_move_it() {
    let reasons = |text: &'static str| async move {
        engine().analyze(request(text)).await.unwrap().analysis.urgency_reasons
    };
    let urgent =
        reasons("All tills are dead, nobody can pay, the queue is out of the door. We close at 18:00 today.")
            .await;
    let calm = reasons("How do I change the wallpaper? No hurry, next month is fine, it can wait.").await;
    let has = |reasons: &[String], part: &str| reasons.iter().any(|reason| reason.contains(part));
    // Which of its signs move an urgent text most is the weights' affair.
    for (reasons, moved_by) in [(&urgent, "the text speaks of "), (&calm, "plenty of time")] {
        assert!(has(reasons, moved_by), "{reasons:?}");
        assert!(has(reasons, "nearest known tickets are as urgent"), "{reasons:?}");
        assert!(has(reasons, "goes with an urgency of"), "{reasons:?}");
    }
    assert!(!has(&urgent, "plenty of time") && !has(&calm, "standstill"));
}

#[tokio::test]
async fn a_sentiment_has_reasons_and_alternatives() {
    let text =
        "Thank you for the quick help, but honestly, it took five calls and I am fed up with the hotline.";
    let mood = engine().analyze(request(text)).await.unwrap().analysis.sentiment;
    assert!(mood.reasons.iter().any(|reason| reason.contains("nearest known tickets")), "{mood:?}");
    let all = mood.alternatives.iter().map(|other| other.score).sum::<f32>() + mood.confidence;
    assert!((0.9..=1.001).contains(&all), "{mood:?}");
    assert!(mood.alternatives.iter().all(|other| other.label != mood.label), "{mood:?}");
}

#[tokio::test]
async fn a_channel_is_reasoned_with_what_speaks_for_it() {
    let answer = engine().analyze(request("How do I reset my password?")).await.unwrap().analysis;
    let reasoning = answer.route.reasoning;
    assert!(reasoning.contains("nearest known tickets are"), "{reasoning}");
    assert!(reasoning.contains("the text speaks of a question"), "{reasoning}");
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

/// `make soak`. Texts differ each time, so that nothing is reused, and the cache of answers fills up before counting begins.
#[tokio::test]
#[ignore = "runs for minutes: make soak"]
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn memory_stays_flat() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let engine = engine();
    let texts = [TICKET, "How do I reset my password?", "Thanks, the new laptops are great!", "x"];
    let started = Instant::now();
    let (mut samples, mut tickets) = (vec![], 0);
    let mut sample_at = Duration::ZERO;
    while started.elapsed() < Duration::from_secs(seconds) {
        let batch = (0..16)
            .map(|n| request(&format!("{} ({})", texts[n % texts.len()].repeat(1 + n % 3), tickets + n)));
        for answer in engine.analyze_all(batch.collect()).await {
            answer.unwrap();
        }
        tickets += 16;
        if started.elapsed() >= sample_at {
            samples.push(resident());
            println!("{:>5} s  {tickets:>8} tickets  {:>6.1} MB", started.elapsed().as_secs(), resident());
            sample_at += Duration::from_secs(seconds) / 20;
        }
    }
    let warm = &samples[samples.len() / 2..];
    let (least, most) =
        (warm.iter().copied().fold(f64::MAX, f64::min), warm.iter().copied().fold(0.0, f64::max));
    println!("second half: {least:.1} to {most:.1} MB over {} tickets", tickets / 2);
    assert!(most < least * 1.05, "memory grows: {samples:?}");
}

/// Resident memory of this process, MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e3
}
