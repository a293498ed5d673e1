//! What people correct in an analysis. The one of [`past`] says Network, High, urgent, neutral, 7 and live-chat.

use schemas::{
    TicketEvent,
    event::AnalysisCorrected,
    work::{
        Decided::{self, Label, Level},
        Decision,
    },
};
use ticket::{Command, Rejection, command::Correction, labels};

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
    Command::CorrectAnalysis(Correction { field, to, reason: sealed(), by: "anonymous".into() })
}

/// The correction of the analysis that is the n-th event.
fn corrected(n: u128, field: Decision, from: Decided, to: Decided) -> TicketEvent {
    let analysis_id = event_id(n);
    let (reason, by) = (sealed(), "anonymous".into());
    TicketEvent::AnalysisCorrected(AnalysisCorrected { field, from, to, reason, by, analysis_id })
}

#[test]
fn every_decision_can_be_corrected() {
    for (field, from, to) in [
        (Decision::Category, label("Network"), label("Cloud")),
        (Decision::Priority, label("High"), label("Critical")),
        (Decision::Kind, label("urgent"), label("question")),
        (Decision::Sentiment, label("neutral"), label("negative")),
        (Decision::Urgency, Level(7), Level(10)),
        (Decision::Route, label("live-chat"), label("video-call")),
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
        (Decision::Urgency, Level(0)),
        (Decision::Urgency, Level(11)),
        (Decision::Urgency, label("7")),
        (Decision::Route, label("fax")),
    ] {
        let rule = Rejection::ImpossibleCorrection(field, labels::in_words(field));
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
