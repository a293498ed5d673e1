//! What the services report.

use schemas::{
    Position, TicketEvent,
    analysis::{Choice, Entity, Priority, Scored, Sentiment},
    event::{
        AnalysisFailed, CommentAnalyzed, CrmDeliveryAttempted, CrmDeliveryParked, CrmRecordCreated,
        CrmRecordLost, CrmRecordUpdated, TicketAnalyzed,
    },
};
use ticket::{Command, Rejection, check_entities};

use crate::{
    given::{event_id, given},
    samples::{analysis, analyzed, degraded, record, submission, submitted, transcript},
};

#[test]
fn a_ticket_starts_with_its_submission() {
    given(&[]).when(Command::Submit(submission())).then(&submitted());
}

#[test]
fn a_ticket_is_submitted_once() {
    given(&[submitted()]).when(Command::Submit(submission())).then_refused(&Rejection::AlreadySubmitted);
}

#[test]
fn nothing_happens_to_a_ticket_that_was_never_submitted() {
    given(&[]).when(Command::RecordAnalysis(analysis("a"))).then_refused(&Rejection::NotSubmitted);
    given(&[]).when(Command::RecordCrmRecord(record("1"))).then_refused(&Rejection::NotSubmitted);
}

#[test]
fn an_answer_is_recorded() {
    given(&[submitted()]).when(Command::RecordAnalysis(analysis("a"))).then(&analyzed("a"));
}

#[test]
fn the_same_model_answers_once() {
    given(&[submitted(), analyzed("a")]).when(Command::RecordAnalysis(analysis("a"))).then_nothing_happens();
}

#[test]
fn another_model_may_answer_again() {
    given(&[submitted(), analyzed("a")]).when(Command::RecordAnalysis(analysis("b"))).then(&analyzed("b"));
}

#[test]
fn the_model_replaces_the_rules_but_not_the_other_way_round() {
    let by_rules = TicketEvent::Analyzed(degraded());
    given(&[submitted(), by_rules]).when(Command::RecordAnalysis(analysis("a"))).then(&analyzed("a"));
    given(&[submitted(), analyzed("a")]).when(Command::RecordAnalysis(degraded())).then_nothing_happens();
}

#[test]
fn a_recording_that_was_written_down_calls_for_another_answer() {
    let heard = TicketEvent::Transcribed(transcript("aa"));
    given(&[submitted(), analyzed("a")]).when(Command::RecordTranscript(transcript("aa"))).then(&heard);
    given(&[submitted(), heard.clone()])
        .when(Command::RecordTranscript(transcript("aa")))
        .then_nothing_happens();
    given(&[submitted(), analyzed("a"), heard.clone()])
        .when(Command::RecordAnalysis(analysis("a")))
        .then(&analyzed("a"));
    given(&[submitted(), analyzed("a"), heard.clone()])
        .when(Command::RecordAnalysis(degraded()))
        .then_nothing_happens();
    given(&[submitted(), heard, analyzed("a")])
        .when(Command::RecordAnalysis(analysis("a")))
        .then_nothing_happens();
}

#[test]
fn a_comment_is_read_once() {
    let read = CommentAnalyzed {
        comment_id: event_id(2),
        sentiment: analysis("a").sentiment,
        model: analysis("a").model,
    };
    let event = TicketEvent::CommentAnalyzed(read.clone());
    let again = CommentAnalyzed { model: analysis("b").model, ..read.clone() };
    given(&[submitted()]).when(Command::RecordCommentAnalysis(read)).then(&event);
    given(&[submitted(), event]).when(Command::RecordCommentAnalysis(again)).then_nothing_happens();
}

#[test]
fn an_impossible_answer_is_refused() {
    let mut answer = analysis("a");
    answer.priority.confidence = 1.5;
    given(&[submitted()])
        .when(Command::RecordAnalysis(answer))
        .then_refused(&Rejection::ImpossibleAnalysis("priority"));
    let mut answer = analysis("a");
    answer.urgency = 0;
    given(&[submitted()])
        .when(Command::RecordAnalysis(answer))
        .then_refused(&Rejection::ImpossibleAnalysis("urgency"));
    let mut answer = analysis("a");
    answer.route.confidence = f32::NAN;
    given(&[submitted()])
        .when(Command::RecordAnalysis(answer))
        .then_refused(&Rejection::ImpossibleAnalysis("route"));
}

fn refused(change: impl FnOnce(&mut TicketAnalyzed), rule: &Rejection) {
    let mut answer = analysis("a");
    change(&mut answer);
    given(&[submitted()]).when(Command::RecordAnalysis(answer)).then_refused(rule);
}

fn scored<L>(label: L, score: f32) -> Vec<Scored<L>> {
    vec![Scored { label, score }]
}

#[test]
fn an_invented_category_is_refused() {
    refused(|answer| answer.category.label = "Plumbing".into(), &Rejection::InventedLabel("category"));
}

#[test]
fn an_invented_kind_is_refused() {
    refused(|answer| answer.kind.label = "Urgent".into(), &Rejection::InventedLabel("kind"));
}

#[test]
fn an_invented_route_is_refused() {
    refused(|answer| answer.route.label = "fax".into(), &Rejection::InventedLabel("route"));
}

#[test]
fn an_invented_alternative_is_refused() {
    refused(
        |answer| answer.category.alternatives = scored("Plumbing".into(), 0.1),
        &Rejection::InventedLabel("category"),
    );
    refused(
        |answer| answer.kind.alternatives = scored("wish".into(), 0.1),
        &Rejection::InventedLabel("kind"),
    );
    refused(
        |answer| answer.route.alternatives = scored("fax".into(), 0.1),
        &Rejection::InventedLabel("route"),
    );
}

#[test]
fn an_alternative_of_impossible_probability_is_refused() {
    refused(
        |answer| answer.category.alternatives = scored("Cloud".into(), f32::NAN),
        &Rejection::ImpossibleAnalysis("category"),
    );
    refused(
        |answer| answer.priority.alternatives = scored(Priority::Low, 1.1),
        &Rejection::ImpossibleAnalysis("priority"),
    );
    refused(
        |answer| answer.sentiment.alternatives = scored(Sentiment::Positive, 1.1),
        &Rejection::ImpossibleAnalysis("sentiment"),
    );
    refused(
        |answer| answer.route.alternatives = scored("co-browse".into(), -0.1),
        &Rejection::ImpossibleAnalysis("route"),
    );
}

#[test]
fn an_emotion_of_impossible_strength_is_refused() {
    refused(|answer| answer.sentiment.emotions.joy = 2.0, &Rejection::ImpossibleAnalysis("sentiment"));
}

#[test]
fn an_own_answer_of_impossible_probability_is_refused() {
    let own = |confidence, score| Choice {
        label: "milk".to_owned(),
        confidence,
        alternatives: scored("bread".to_owned(), score),
        reasons: vec![],
    };
    for answer in [own(1.5, 0.1), own(0.5, f32::NAN)] {
        refused(
            |analysis| _ = analysis.own.insert("topic".into(), answer),
            &Rejection::ImpossibleAnalysis("own"),
        );
    }
}

#[test]
fn an_invented_entity_is_refused() {
    let entity = |label: &str, confidence| Entity {
        text: "srv-fs01".into(),
        label: label.into(),
        start: 0,
        end: 8,
        confidence,
    };
    assert_eq!(check_entities(&[entity("HOST", 0.9)]), Ok(()));
    assert_eq!(
        check_entities(&[entity("HOST", 0.9), entity("SERVER", 0.9)]),
        Err(Rejection::InventedLabel("entities"))
    );
    assert_eq!(check_entities(&[entity("HOST", 1.2)]), Err(Rejection::ImpossibleAnalysis("entities")));
}

#[test]
fn a_failure_after_an_answer_is_no_news() {
    let failure = AnalysisFailed { reason: "crash".into(), attempts: 5 };
    given(&[submitted()])
        .when(Command::RecordAnalysisFailure(failure.clone()))
        .then(&TicketEvent::AnalysisFailed(failure.clone()));
    given(&[submitted(), analyzed("a")]).when(Command::RecordAnalysisFailure(failure)).then_nothing_happens();
}

#[test]
fn a_ticket_has_one_crm_record() {
    let created = TicketEvent::CrmRecordCreated(record("1"));
    given(&[submitted()]).when(Command::RecordCrmRecord(record("1"))).then(&created);
    given(&[submitted(), created])
        .when(Command::RecordCrmRecord(record("2")))
        .then_refused(&Rejection::OtherCrmRecord("1".into()));
}

#[test]
fn parking_a_delivered_ticket_is_no_news() {
    let parked = CrmDeliveryParked { system: "zoho".into(), reason: "3001".into(), attempts: 1 };
    let created = TicketEvent::CrmRecordCreated(record("1"));
    given(&[submitted()])
        .when(Command::RecordCrmParked(parked.clone()))
        .then(&TicketEvent::CrmDeliveryParked(parked.clone()));
    given(&[submitted(), created]).when(Command::RecordCrmParked(parked)).then_nothing_happens();
}

#[test]
fn a_ticket_has_one_record_per_system() {
    let zoho = TicketEvent::CrmRecordCreated(record("1"));
    let other = CrmRecordCreated { system: "webhook".into(), ..record("2") };
    given(&[submitted(), zoho])
        .when(Command::RecordCrmRecord(other.clone()))
        .then(&TicketEvent::CrmRecordCreated(other));
}

#[test]
fn an_attempt_is_news_until_there_is_a_record() {
    let attempt = CrmDeliveryAttempted {
        system: "zoho".into(),
        batch: "b_1".into(),
        attempt: 1,
        reason: "no record".into(),
    };
    given(&[submitted()])
        .when(Command::RecordCrmAttempt(attempt.clone()))
        .then(&TicketEvent::CrmDeliveryAttempted(attempt.clone()));
    given(&[submitted(), TicketEvent::CrmRecordCreated(record("1"))])
        .when(Command::RecordCrmAttempt(attempt))
        .then_nothing_happens();
}

fn update(through: i64) -> CrmRecordUpdated {
    let (system, record_id) = ("zoho".into(), "1".into());
    CrmRecordUpdated { system, record_id, through: Position(through), attempts: 1 }
}

#[test]
fn a_record_only_moves_forward() {
    let (created, updated) =
        (TicketEvent::CrmRecordCreated(record("1")), TicketEvent::CrmRecordUpdated(update(7)));
    given(&[submitted(), created.clone()]).when(Command::RecordCrmUpdate(update(7))).then(&updated);
    for older in [update(6), update(7)] {
        given(&[submitted(), created.clone(), updated.clone()])
            .when(Command::RecordCrmUpdate(older))
            .then_nothing_happens();
    }
    let other = CrmRecordUpdated { record_id: "2".into(), ..update(9) };
    given(&[submitted(), created])
        .when(Command::RecordCrmUpdate(other))
        .then_refused(&Rejection::OtherCrmRecord("1".into()));
    given(&[submitted()]).when(Command::RecordCrmUpdate(update(7))).then_refused(&Rejection::NoCrmRecord);
}

#[test]
fn a_lost_record_makes_room_for_another() {
    let lost =
        |id: &str| CrmRecordLost { system: "zoho".into(), record_id: id.into(), noticed: "update".into() };
    let created = TicketEvent::CrmRecordCreated(record("1"));
    given(&[submitted(), created.clone()])
        .when(Command::RecordCrmLoss(lost("1")))
        .then(&TicketEvent::CrmRecordLost(lost("1")));
    given(&[submitted(), created.clone()]).when(Command::RecordCrmLoss(lost("2"))).then_nothing_happens();
    given(&[submitted(), created, TicketEvent::CrmRecordLost(lost("1"))])
        .when(Command::RecordCrmRecord(record("2")))
        .then(&TicketEvent::CrmRecordCreated(record("2")));
}
