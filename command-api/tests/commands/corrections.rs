//! Correcting the analyzer.

use schemas::{
    TicketEvent,
    work::{Decided, Decision},
};
use serde_json::json;

use crate::desk::Desk;

#[tokio::test]
async fn a_correction_names_the_analysis_and_both_answers() {
    let (desk, analysis) = Desk::with_analysis().await;
    let wish = json!({ "field": "category", "to": "Cloud", "reason": "The VPN is a rented one." });
    let data = desk.done("corrections", wish).await;
    assert_eq!((&data["version"], &data["status"]), (&json!(3), &json!("open")));
    let (envelope, TicketEvent::AnalysisCorrected(event)) = desk.last().await else {
        panic!("a correction comes last")
    };
    assert_eq!((event.field, event.analysis_id), (Decision::Category, analysis));
    assert_eq!(
        (event.from, event.to),
        (Decided::Label("Network".to_owned()), Decided::Label("Cloud".to_owned()))
    );
    assert_eq!(event.by, "anonymous");
    let reason = desk.side.keys.open_sealed(&event.reason, envelope.id, "reason").await.unwrap();
    assert_eq!(reason, "The VPN is a rented one.");
}

#[tokio::test]
async fn an_urgency_is_corrected_to_a_number() {
    let (desk, _) = Desk::with_analysis().await;
    desk.done("corrections", json!({ "field": "urgency", "to": 10, "reason": "The shop is closed." })).await;
    let (_, TicketEvent::AnalysisCorrected(event)) = desk.last().await else {
        panic!("a correction comes last")
    };
    assert_eq!((event.from, event.to), (Decided::Level(8), Decided::Level(10)));
}

#[tokio::test]
async fn a_correction_that_makes_no_sense_is_refused_by_name() {
    let (desk, _) = Desk::with_analysis().await;
    for (field, to, rule, detail) in [
        ("category", json!("Plumbing"), "impossible-correction", "category must be one of Network, Security"),
        ("urgency", json!(11), "impossible-correction", "urgency must be a number from 1 to 10"),
        ("urgency", json!("urgent"), "impossible-correction", "urgency must be a number from 1 to 10"),
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
