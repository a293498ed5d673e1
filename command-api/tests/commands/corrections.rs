//! Correcting the analyzer.

use schemas::{
    Envelope, TicketEvent,
    event::AnalysisCorrected,
    work::{Change, Decided, Decision, Reading},
};
use serde_json::{Value, json};

use crate::desk::Desk;

#[tokio::test]
async fn a_correction_names_the_analysis_and_both_answers() {
    let (desk, analysis) = Desk::with_analysis().await;
    let wish = json!({ "field": "category", "to": "Cloud", "reason": "The VPN is a rented one." });
    let data = desk.done("corrections", wish).await;
    assert_eq!((&data["version"], &data["status"]), (&json!(3), &json!("open")));
    let (envelope, event) = last(&desk).await;
    assert_eq!(event.analysis_id, analysis);
    assert_eq!(event.change, decision(Decision::Category, label("Network"), label("Cloud")));
    assert_eq!(event.by, "anonymous");
    let reason = desk.side.keys.open_sealed(&event.reason, envelope.id, "reason").await.unwrap();
    assert_eq!(reason, "The VPN is a rented one.");
}

#[tokio::test]
async fn an_urgency_is_corrected_to_a_number() {
    let (desk, _) = Desk::with_analysis().await;
    desk.done("corrections", json!({ "field": "urgency", "to": 10, "reason": "The shop is closed." })).await;
    let (_, event) = last(&desk).await;
    assert_eq!(event.change, decision(Decision::Urgency, Decided::Level(8), Decided::Level(10)));
}

#[tokio::test]
async fn emotion_and_language_are_corrected_to_labels() {
    let (desk, _) = Desk::with_analysis().await;
    for (field, from, to) in [(Decision::Emotion, "frustration", "anger"), (Decision::Language, "en", "de")] {
        let wish = json!({ "field": field, "to": to, "reason": "I read it." });
        desk.done("corrections", wish).await;
        assert_eq!(last(&desk).await.1.change, decision(field, label(from), label(to)));
    }
}

#[tokio::test]
async fn a_corrected_summary_is_sealed_and_opens_again() {
    let (desk, analysis) = Desk::with_analysis().await;
    desk.done("corrections", summary("  Ada's VPN drops every ten minutes. ")).await;
    let (envelope, event) = last(&desk).await;
    let Change::Reading(Reading::Summary(sealed)) = &event.change else { panic!("a summary") };
    let opened = desk.side.keys.open_sealed(sealed, envelope.id, "to").await.unwrap();
    assert_eq!((opened.as_str(), event.analysis_id), ("Ada's VPN drops every ten minutes.", analysis));
}

#[tokio::test]
async fn corrected_entities_are_sealed_and_open_again() {
    let (desk, _) = Desk::with_analysis().await;
    desk.done("corrections", entities(&[named("Zoë", 4, 7)])).await;
    let (envelope, event) = last(&desk).await;
    let Change::Reading(Reading::Entities(sealed)) = &event.change else { panic!("entities") };
    let opened = desk.side.keys.open_sealed(sealed, envelope.id, "to").await.unwrap();
    let expected = json!([{ "text": "Zoë", "label": "PERSON", "start": 4, "end": 7, "confidence": 1.0 }]);
    assert_eq!(json!(opened), expected);
}

#[tokio::test]
async fn no_corrected_reading_stands_in_the_log_in_clear() {
    let (desk, _) = Desk::with_analysis().await;
    desk.done("corrections", summary("Lovelace is locked out.")).await;
    desk.done("corrections", entities(&[named("Babbage", 0, 7)])).await;
    let rows: Vec<String> =
        sqlx::query_scalar("select to_jsonb(e)::text from log.events e order by position")
            .fetch_all(desk.side.store.pool())
            .await
            .unwrap();
    assert_eq!(rows.len(), 4);
    for clear in ["Lovelace", "locked", "Babbage", "PERSON", "I read it"] {
        assert!(!rows.concat().contains(clear), "{clear}");
    }
}

#[tokio::test]
async fn the_same_reading_again_is_no_news_but_another_one_is() {
    let (desk, _) = Desk::with_analysis().await;
    for (wish, other) in [
        (summary("The VPN drops."), summary("The VPN is slow.")),
        (entities(&[named("Zoë", 4, 7)]), entities(&[])),
    ] {
        let first = desk.done("corrections", wish.clone()).await;
        assert_eq!(desk.done("corrections", wish.clone()).await, first);
        assert_ne!(desk.done("corrections", other).await["version"], first["version"]);
        assert_ne!(desk.done("corrections", wish).await["version"], first["version"]);
    }
}

#[tokio::test]
async fn what_the_analyzer_read_itself_is_no_correction() {
    let desk = Desk::with_readings("The VPN drops.").await;
    for wish in [summary("The VPN drops."), entities(&[])] {
        let answer = desk.ask("corrections", wish).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!("nothing-to-correct")));
        assert!(!answer.body.to_string().contains("VPN"), "{}", answer.body);
    }
    desk.done("corrections", summary("The VPN is slow.")).await;
}

#[tokio::test]
async fn nothing_read_off_the_text_of_an_erased_requester_is_corrected() {
    let desk = Desk::of_an_erased_requester().await;
    for wish in [summary("Gone."), entities(&[])] {
        let answer = desk.ask("corrections", wish).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!("requester-erased")));
    }
}

async fn last(desk: &Desk) -> (Envelope, AnalysisCorrected) {
    let (envelope, TicketEvent::AnalysisCorrected(event)) = desk.last().await else {
        panic!("a correction comes last")
    };
    (envelope, event)
}

fn label(text: &str) -> Decided {
    Decided::Label(text.to_owned())
}

const fn decision(field: Decision, from: Decided, to: Decided) -> Change {
    Change::Decision { field, from, to }
}

fn summary(text: &str) -> Value {
    json!({ "field": "summary", "to": text, "reason": "I read it." })
}

fn entities(entities: &[Value]) -> Value {
    json!({ "field": "entities", "to": entities, "reason": "I read it." })
}

fn named(text: &str, start: usize, end: usize) -> Value {
    json!({ "text": text, "label": "PERSON", "start": start, "end": end })
}

#[tokio::test]
async fn a_correction_that_makes_no_sense_is_refused_by_name() {
    let (desk, _) = Desk::with_analysis().await;
    for (field, to, rule, detail) in [
        ("category", json!("Plumbing"), "impossible-correction", "category must be one of Network, Security"),
        ("urgency", json!(11), "impossible-correction", "urgency must be a number from 1 to 10"),
        ("urgency", json!("urgent"), "impossible-correction", "urgency must be a number from 1 to 10"),
        ("urgency", json!([]), "impossible-correction", "urgency must be a number from 1 to 10"),
        ("emotion", json!("sad"), "impossible-correction", "emotion must be one of joy, anger"),
        (
            "language",
            json!("English"),
            "impossible-correction",
            "language must be a code of ISO 639-1, or und",
        ),
        ("summary", json!("x".repeat(141)), "impossible-correction", "summary must be one line of 1 to 140"),
        ("summary", json!(7), "impossible-correction", "summary must be one line of 1 to 140"),
        ("entities", json!("Zoë"), "impossible-correction", "entities must be a list"),
        (
            "entities",
            json!([named("Zoë", 7, 4)]),
            "impossible-correction",
            "entities must be spans whose start",
        ),
        (
            "entities",
            json!(vec![named("Zoë", 4, 7); 101]),
            "impossible-correction",
            "entities must be a list of at most",
        ),
        ("mood", json!("Cloud"), "unknown-field", "field must be one of category, priority, kind, sentiment"),
        ("language", json!("en"), "nothing-to-correct", "the language is en already"),
        ("priority", json!("High"), "nothing-to-correct", "the priority is High already"),
    ] {
        let wish = json!({ "field": field, "to": to, "reason": "Because." });
        let answer = desk.ask("corrections", wish).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!(rule)), "{}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().starts_with(detail), "{}", answer.body);
    }
}

#[tokio::test]
async fn before_the_analysis_there_is_nothing_to_correct() {
    let desk = Desk::start().await;
    let answer = desk.ask("corrections", json!({ "field": "kind", "to": "question", "reason": "?" })).await;
    assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!("not-analyzed")));
}
