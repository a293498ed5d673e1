//! The form is checked before anything is sent to it.

use chrono::TimeDelta;
use crm_sink::{
    check::{Checked, check, check_unless_known},
    zoho::mapping::Mapping,
};
use zoho_mock::{CallKind, Form, Names, Settings};

use crate::{
    desk::{Desk, PACE},
    proxy::Fault,
};

async fn checked(mock: Settings, flags: &[&str]) -> Checked {
    let desk = Desk::with(mock, PACE, flags).await;
    check(&desk.client, desk.now()).await.unwrap()
}

#[tokio::test]
async fn the_form_of_the_mock_fits_the_default_mapping() {
    assert!(matches!(checked(Settings::default(), &[]).await, Checked::Fits));
    assert!(matches!(checked(Settings::default(), &["--zoho-path-style=creator"]).await, Checked::Fits));
}

#[tokio::test]
async fn a_form_that_does_not_fit_is_refused_and_said_why() {
    let file = form_without("Delivery_Batch");
    let mock = Settings { form_file: Some(file.path().to_owned()), ..Settings::default() };
    match checked(mock, &[]).await {
        Checked::Mismatch(mismatch) => assert_eq!(
            mismatch.to_string(),
            "the form does not fit the mapping: the form has no field Delivery_Batch"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_form_of_another_name_is_not_a_form_that_does_not_fit() {
    let names = Names { form: "Other".into(), ..Names::default() };
    let mock = Settings { names, ..Settings::default() };
    assert!(matches!(checked(mock, &[]).await, Checked::Refused(_)));
}

#[tokio::test]
async fn records_follow_the_mapping() {
    let mapping = serde_json::json!({
        "ticket_id": {"field": "Ticket_ID"},
        "delivery_batch": {"field": "Delivery_Batch"},
        "event_position": {"field": "Event_Position"},
        "category": {"field": "Summary", "values": {"Network": "Netzwerk"}},
        "urgency": {"field": "Status"},
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), mapping.to_string()).unwrap();
    let flag = format!("--zoho-mapping-file={}", file.path().display());
    let mut desk = Desk::with(Settings::default(), PACE, &[&flag]).await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    assert_eq!(desk.text_of(ticket, "Summary").as_deref(), Some("Netzwerk"));
    assert_eq!(desk.text_of(ticket, "Status").as_deref(), Some("7"));
    assert_eq!(desk.text_of(ticket, "Email"), None);
}

impl Desk {
    /// What a process learns that starts now.
    async fn start(&mut self) -> Checked {
        self.restart().await;
        check_unless_known(&self.client, self.now()).await.unwrap()
    }

    /// Starts over and over for so long.
    async fn crash_loop(&mut self, time: TimeDelta, every: TimeDelta) -> Checked {
        let end = self.now() + time;
        while self.now() < end {
            self.start().await;
            self.clock.advance(every);
        }
        self.start().await
    }

    fn asked(&self) -> u64 {
        self.calls(CallKind::Fields)
    }
}

fn form_without(field: &str) -> tempfile::NamedTempFile {
    let mut form = Form::tickets();
    form.fields.retain(|known| known.link_name != field);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&form).unwrap()).unwrap();
    file
}

#[tokio::test]
async fn restarts_ask_for_the_form_once_a_day() {
    let mut desk = Desk::new().await;
    // A token lives an hour: this is about the form.
    desk.crash_loop(TimeDelta::hours(23), TimeDelta::minutes(23)).await;
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 1));
    desk.clock.advance(TimeDelta::hours(1));
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 2));
}

#[tokio::test]
async fn another_mapping_is_another_question() {
    let mut desk = Desk::new().await;
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 1));
    let mut mapping = serde_json::to_value(Mapping::default()).unwrap();
    mapping["summary"]["length"] = 100.into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), mapping.to_string()).unwrap();
    desk.zoho.mapping_file = Some(file.path().to_owned());
    desk.clock.advance(TimeDelta::seconds(10));
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 2));
    desk.zoho.form = "Other".into();
    desk.clock.advance(TimeDelta::seconds(10));
    assert!(matches!((desk.start().await, desk.asked()), (Checked::Refused(_), 3)));
}

#[tokio::test]
async fn a_refused_value_makes_the_next_start_ask_again() {
    let mut desk = Desk::new().await;
    let ticket = desk.ticket().await;
    desk.settle().await;
    desk.clock.advance(TimeDelta::seconds(10));
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 1));
    desk.writer.analyzed("Plumbing").await;
    desk.take_in().await;
    desk.settle().await;
    desk.clock.advance(TimeDelta::seconds(10));
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 2));
    desk.writer.assigned(ticket, "desk-2").await;
    desk.take_in().await;
    desk.proxy.spoil_update(Fault::Answer(200, r#"{"code":3002,"error":{"Assignee":"no"}}"#));
    desk.settle().await;
    desk.clock.advance(TimeDelta::seconds(10));
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 3));
}

#[tokio::test]
async fn a_crash_loop_at_a_form_that_does_not_fit_spends_few_calls() {
    let file = form_without("Assignee");
    let mock = Settings { form_file: Some(file.path().to_owned()), ..Settings::default() };
    let mut desk = Desk::with(mock, PACE, &[]).await;
    assert!(matches!(desk.start().await, Checked::Mismatch(_)));
    let at_last = desk.crash_loop(TimeDelta::hours(1), TimeDelta::seconds(7)).await;
    assert!(matches!(at_last, Checked::DidNotFit(_)), "{at_last:?}");
    assert!((5..=10).contains(&desk.asked()), "{} calls in an hour", desk.asked());
}

/// Our own count of calls is what would run out: none of these reaches Zoho.
#[tokio::test]
async fn a_crash_loop_without_zoho_spends_few_calls() {
    let mut desk = Desk::new().await;
    desk.client.tokens().get(desk.now()).await.unwrap();
    desk.proxy.stop().await;
    desk.crash_loop(TimeDelta::minutes(45), TimeDelta::seconds(7)).await;
    let spent: i64 =
        sqlx::query_scalar("select coalesce(sum(calls), 0) from crm.calls where purpose = 'people'")
            .fetch_one(desk.pool())
            .await
            .unwrap();
    assert!((5..=10).contains(&spent), "{spent} calls in 45 minutes");
    desk.proxy.start_again().await;
    desk.clock.advance(TimeDelta::minutes(15));
    assert_eq!(desk.start().await, Checked::Fits);
}

/// Whoever mends the form need not wait, nor start anything again.
#[tokio::test]
async fn what_a_person_asks_counts_for_whoever_starts() {
    let mut desk = Desk::new().await;
    desk.proxy.spoil_find(Fault::Answer(200, r#"{"code":3000,"fields":[]}"#));
    assert!(matches!(desk.start().await, Checked::Mismatch(_)));
    desk.clock.advance(TimeDelta::seconds(2));
    assert!(matches!(desk.start().await, Checked::DidNotFit(_)));
    assert_eq!(check(&desk.client, desk.now()).await.unwrap(), Checked::Fits);
    assert_eq!((desk.start().await, desk.asked()), (Checked::Fits, 1));
}
