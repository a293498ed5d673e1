//! Given the events so far, when a command comes, then these events follow or this rule is broken.

#![expect(clippy::expect_used, reason = "a panic is how a test fails")]

use schemas::{
    Sealed, TicketEvent,
    analysis::{AnalysisOf, Choice, Emotion, Emotions, ModelRef, Mood, Priority, Route, Sentiment},
    event::{
        AnalysisFailed, CrmDeliveryParked, CrmOutcome, CrmRecordCreated, Requester, TicketAnalyzed,
        TicketSubmitted,
    },
};
use ticket::{Command, Rejection, Ticket, decide, evolve};

/// A ticket with a past.
struct Given(Ticket);

fn given(past: &[TicketEvent]) -> Given {
    Given(past.iter().fold(Ticket::default(), evolve))
}

impl Given {
    #[track_caller]
    fn when(self, command: Command) -> Then {
        Then { outcome: decide(&self.0, command.clone()), ticket: self.0, command }
    }
}

/// What a command led to.
struct Then {
    ticket: Ticket,
    command: Command,
    outcome: Result<Option<TicketEvent>, Rejection>,
}

impl Then {
    /// The event follows, and the same command again leads to nothing more.
    #[track_caller]
    fn then(self, expected: &TicketEvent) {
        assert_eq!(self.outcome.as_ref(), Ok(&Some(expected.clone())));
        let again = decide(&evolve(self.ticket, expected), self.command);
        // A failure and a parking are reports: each one counts.
        let report = matches!(expected, TicketEvent::AnalysisFailed(_) | TicketEvent::CrmDeliveryParked(_));
        assert!(report || !matches!(again, Ok(Some(_))), "a repeated command must not repeat its effect");
    }

    #[track_caller]
    fn then_nothing_happens(self) {
        assert_eq!(self.outcome, Ok(None));
    }

    #[track_caller]
    fn then_refused(self, rule: &Rejection) {
        assert_eq!(self.outcome.as_ref(), Err(rule));
    }
}

fn sealed<T>() -> Sealed<T> {
    Sealed::from_ciphertext(
        "00112233445566778899aabbccddeeff".parse().expect("a requester id"),
        vec![1, 2, 3],
    )
}

fn submission() -> TicketSubmitted {
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

fn analysis(revision: &str) -> Box<TicketAnalyzed> {
    Box::new(AnalysisOf {
        category: choice("Network".into()),
        priority: choice(Priority::High),
        kind: choice("urgent".into()),
        sentiment: Mood {
            label: Sentiment::Neutral,
            confidence: 0.8,
            emotion: Emotion::None,
            emotions: Emotions::default(),
        },
        urgency: 7,
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
        duration_ms: 9,
    })
}

fn degraded() -> Box<TicketAnalyzed> {
    let mut answer = analysis("rules");
    answer.degraded = true;
    answer
}

fn record(id: &str) -> CrmRecordCreated {
    CrmRecordCreated {
        system: "zoho".into(),
        record_id: id.into(),
        how: CrmOutcome::Posted,
        attempts: 1,
        batch: "b_1".into(),
    }
}

fn submitted() -> TicketEvent {
    TicketEvent::Submitted(submission())
}

fn analyzed(revision: &str) -> TicketEvent {
    TicketEvent::Analyzed(analysis(revision))
}

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
