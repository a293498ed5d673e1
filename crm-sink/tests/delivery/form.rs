//! The form is checked before anything is sent to it.

use crm_sink::check::{Checked, check};
use zoho_mock::{Form, Names, Settings};

use crate::desk::{Desk, PACE};

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
    let mut form = Form::tickets();
    form.fields.retain(|field| field.link_name != "Delivery_Batch");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&form).unwrap()).unwrap();
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
