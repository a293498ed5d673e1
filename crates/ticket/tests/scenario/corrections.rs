//! What people correct in an analysis. The one of [`past`] says Network, High, urgent, neutral, none, 7, live-chat and en.

use schemas::{
    TicketEvent,
    analysis::Entity,
    event::AnalysisCorrected,
    work::{
        Change,
        Decided::{self, Label, Level},
        Decision, Reading,
    },
};
use ticket::{
    Amendment, Command, Rejection,
    amendment::Claim,
    command::{Author, Corrected, Correction},
    labels,
};

use crate::{
    given::{event_id, given},
    samples::{analysis, analyzed, closed, degraded, sealed, submitted},
};

fn past() -> Vec<TicketEvent> {
    vec![submitted(), analyzed("a")]
}

fn label(text: &str) -> Decided {
    Label(text.to_owned())
}

fn correct(field: Decision, to: Decided) -> Command {
    correct_to(Corrected::Decision(field, to))
}

/// The same was said by this one before.
fn correct_reading(reading: &Reading, said_by: Option<Author>) -> Command {
    correct_to(Corrected::Reading { reading: reading.clone(), said_by })
}

fn correct_to(to: Corrected) -> Command {
    Command::CorrectAnalysis(Correction { to, reason: sealed(), by: "anonymous".into() })
}

/// The correction of the analysis that is the n-th event.
fn corrected(n: u128, field: Decision, from: Decided, to: Decided) -> TicketEvent {
    changed(n, Change::Decision { field, from, to })
}

fn changed(n: u128, change: Change) -> TicketEvent {
    let analysis_id = event_id(n);
    let (reason, by) = (sealed(), "anonymous".into());
    TicketEvent::AnalysisCorrected(AnalysisCorrected { change, reason, by, analysis_id })
}

/// A reading of each kind.
fn readings() -> [Reading; 2] {
    [Reading::Summary(sealed()), Reading::Entities(sealed())]
}

fn entity(text: &str, label: &str, start: usize, end: usize) -> Entity {
    Entity { text: text.to_owned(), label: label.to_owned(), start, end, confidence: 1.0 }
}

/// The detail with which a claim is refused.
fn refused(field: &str, claim: Claim) -> String {
    Amendment::parse(field, claim).expect_err("a broken rule").to_string()
}

#[test]
fn every_decision_can_be_corrected() {
    for (field, from, to) in [
        (Decision::Category, label("Network"), label("Cloud")),
        (Decision::Priority, label("High"), label("Critical")),
        (Decision::Kind, label("urgent"), label("question")),
        (Decision::Sentiment, label("neutral"), label("negative")),
        (Decision::Emotion, label("none"), label("frustration")),
        (Decision::Urgency, Level(7), Level(10)),
        (Decision::Route, label("live-chat"), label("video-call")),
        (Decision::Language, label("en"), label("und")),
    ] {
        given(&past()).when(correct(field, to.clone())).then(&corrected(2, field, from, to));
    }
}

#[test]
fn there_is_nothing_to_correct_before_the_analysis() {
    given(&[submitted()])
        .when(correct(Decision::Category, label("Cloud")))
        .then_refused(&Rejection::NotAnalyzed);
    given(&[]).when(correct(Decision::Category, label("Cloud"))).then_refused(&Rejection::NotSubmitted);
}

#[test]
fn a_correction_outside_of_the_labels_is_refused() {
    for (field, to) in [
        (Decision::Category, label("Plumbing")),
        (Decision::Category, label("network")),
        (Decision::Category, Level(3)),
        (Decision::Priority, label("high")),
        (Decision::Kind, label("")),
        (Decision::Sentiment, label("joy")),
        (Decision::Emotion, label("sad")),
        (Decision::Urgency, Level(0)),
        (Decision::Urgency, Level(11)),
        (Decision::Urgency, label("7")),
        (Decision::Route, label("fax")),
        (Decision::Language, label("English")),
        (Decision::Language, label("EN")),
        (Decision::Language, label("xx")),
    ] {
        let rule = Rejection::ImpossibleCorrection(field.name(), labels::in_words(field));
        given(&past()).when(correct(field, to)).then_refused(&rule);
    }
}

#[test]
fn whoever_corrects_an_answer_to_itself_misread_it() {
    given(&past())
        .when(correct(Decision::Category, label("Network")))
        .then_refused(&Rejection::NothingToCorrect(Decision::Category, label("Network")));
    given(&past())
        .when(correct(Decision::Urgency, Level(7)))
        .then_refused(&Rejection::NothingToCorrect(Decision::Urgency, Level(7)));
}

#[test]
fn the_same_correction_again_is_no_news() {
    let mut past = past();
    past.push(corrected(2, Decision::Category, label("Network"), label("Cloud")));
    given(&past).when(correct(Decision::Category, label("Cloud"))).then_nothing_happens();
}

#[test]
fn a_correction_can_be_corrected_and_taken_back() {
    let mut past = past();
    past.push(corrected(2, Decision::Category, label("Network"), label("Cloud")));
    for to in ["Security", "Network"] {
        given(&past).when(correct(Decision::Category, label(to))).then(&corrected(
            2,
            Decision::Category,
            label("Cloud"),
            label(to),
        ));
    }
}

#[test]
fn a_correction_outlasts_a_later_analysis() {
    let by_rules = TicketEvent::Analyzed(degraded());
    let correction = corrected(2, Decision::Category, label("Network"), label("Cloud"));
    let past = [submitted(), by_rules, correction, analyzed("a")];
    given(&past).when(correct(Decision::Category, label("Cloud"))).then_nothing_happens();
    given(&past).when(correct(Decision::Category, label("Security"))).then(&corrected(
        4,
        Decision::Category,
        label("Cloud"),
        label("Security"),
    ));
    given(&past).when(correct(Decision::Priority, label("Low"))).then(&corrected(
        4,
        Decision::Priority,
        label("High"),
        label("Low"),
    ));
}

#[test]
fn a_correction_does_not_count_as_an_answer_of_the_model() {
    let by_rules = TicketEvent::Analyzed(degraded());
    let correction = corrected(2, Decision::Category, label("Network"), label("Cloud"));
    given(&[submitted(), by_rules, correction])
        .when(Command::RecordAnalysis(analysis("a")))
        .then(&analyzed("a"));
}

#[test]
fn hindsight_comes_after_closing_too() {
    let mut past = past();
    past.push(closed());
    given(&past).when(correct(Decision::Route, label("co-browse"))).then(&corrected(
        2,
        Decision::Route,
        label("live-chat"),
        label("co-browse"),
    ));
}

#[test]
fn what_was_read_off_the_text_can_be_corrected_as_often_as_minds_change() {
    for reading in readings() {
        let wish = || correct_reading(&reading, None);
        let expected = changed(2, Change::Reading(reading.clone()));
        given(&past()).when(wish()).then(&expected);
        given(&[submitted(), analyzed("a"), expected.clone()]).when(wish()).then(&expected);
        given(&[submitted(), analyzed("a"), closed()]).when(wish()).then(&expected);
    }
}

#[test]
fn a_reading_that_says_the_same_is_no_correction() {
    for reading in readings() {
        let rule = Rejection::SameReading(reading.name());
        given(&past()).when(correct_reading(&reading, Some(Author::Analyzer))).then_refused(&rule);
        assert_eq!(rule.rule(), "nothing-to-correct");
        let past = [submitted(), analyzed("a"), changed(2, Change::Reading(reading.clone()))];
        given(&past).when(correct_reading(&reading, Some(Author::Person))).then_nothing_happens();
    }
}

#[test]
fn a_corrected_reading_names_the_analysis_that_holds() {
    let past = [submitted(), TicketEvent::Analyzed(degraded()), analyzed("a")];
    for reading in readings() {
        let wish = correct_reading(&reading, None);
        given(&past).when(wish).then(&changed(3, Change::Reading(reading)));
    }
}

#[test]
fn nothing_was_read_off_the_text_before_the_analysis() {
    for reading in readings() {
        let wish = || correct_reading(&reading, None);
        given(&[submitted()]).when(wish()).then_refused(&Rejection::NotAnalyzed);
        given(&[]).when(wish()).then_refused(&Rejection::NotSubmitted);
    }
}

#[test]
fn a_corrected_reading_leaves_the_decisions_alone() {
    let mut past = past();
    past.push(corrected(2, Decision::Category, label("Network"), label("Cloud")));
    past.push(changed(2, Change::Reading(Reading::Summary(sealed()))));
    given(&past).when(correct(Decision::Category, label("Cloud"))).then_nothing_happens();
}

#[test]
fn a_summary_is_one_line_of_1_to_140_characters() {
    let parse = |text: &str| Amendment::parse("summary", Claim::Text(text.to_owned()));
    for right in ["x", "  The VPN drops. ", &"ü".repeat(140)] {
        let Ok(Amendment::Summary(summary)) = parse(right) else { panic!("{right} is a summary") };
        assert_eq!(summary.into_inner(), right.trim());
    }
    for wrong in ["", " ", "two\nlines", "nul\0nul", &"ü".repeat(141)] {
        let rule = parse(wrong).expect_err("no summary").to_string();
        assert_eq!(rule, "summary must be one line of 1 to 140 characters", "{wrong}");
    }
    for wrong in [Claim::Level(7), Claim::Entities(vec![])] {
        assert_eq!(refused("summary", wrong), "summary must be one line of 1 to 140 characters");
    }
}

#[test]
fn entities_are_at_most_100_spans_with_known_labels() {
    let parse = |entities: Vec<Entity>| Amendment::parse("entities", Claim::Entities(entities));
    for count in [0, 1, 100] {
        let right = vec![entity("Zoë", "PERSON", 4, 7); count];
        let Ok(Amendment::Entities(entities)) = parse(right.clone()) else { panic!("{count} entities") };
        assert_eq!(entities.into_inner(), right);
    }
    for (wrong, rule) in [
        (entity("Zoë", "CAT", 4, 7), "labelled one of PERSON, ORG"),
        (entity("Zoë", "person", 4, 7), "labelled one of PERSON, ORG"),
        (entity("", "PERSON", 4, 4), "texts of 1 to 200 characters"),
        (entity("   ", "PERSON", 4, 7), "texts of 1 to 200 characters"),
        (entity("Z\0ë", "PERSON", 4, 7), "texts of 1 to 200 characters"),
        (entity(&"x".repeat(201), "PERSON", 0, 201), "texts of 1 to 200 characters"),
        (entity("Zoë", "PERSON", 7, 7), "spans whose start is before their end"),
        (entity("Zoë", "PERSON", 7, 4), "spans whose start is before their end"),
        (entity("Zoë", "PERSON", 4, 8), "spans as long as their texts, counted in characters"),
    ] {
        let detail = refused("entities", Claim::Entities(vec![entity("Ada", "PERSON", 0, 3), wrong]));
        assert!(detail.starts_with(&format!("entities must be {rule}")), "{detail}");
    }
    let many = vec![entity("Ada", "PERSON", 0, 3); 101];
    assert_eq!(refused("entities", Claim::Entities(many)), "entities must be a list of at most 100");
    assert_eq!(refused("entities", Claim::Text("Ada".to_owned())), "entities must be a list");
}

#[test]
fn a_decision_is_no_list() {
    for decision in Decision::ALL {
        let detail = refused(decision.name(), Claim::Entities(vec![]));
        assert_eq!(detail, format!("{decision} must be {}", labels::in_words(decision)));
    }
}

#[test]
fn whoever_names_no_part_of_an_analysis_is_told_which_there_are() {
    for name in ["", "Category", "mood", "embedding"] {
        assert_eq!(
            refused(name, Claim::Text("Cloud".to_owned())),
            "field must be one of category, priority, kind, sentiment, emotion, urgency, route, language, summary, entities",
        );
    }
}
