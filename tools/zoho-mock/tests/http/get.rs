use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Client, answer, unlimited};

fn tickets(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("t{n}"))
}

#[tokio::test]
async fn a_batch_is_found_by_its_id_in_one_call() {
    let client = Client::new().await;
    let row = |id: &str, batch: &str| json!({"Ticket_ID": id, "Delivery_Batch": batch});
    client.add(&json!({"data": [row("t1", "b1"), row("t2", "b2"), row("t3", "b1")]})).await;
    let query = [
        ("criteria", r#"(Delivery_Batch == "b1")"#),
        ("field_config", "custom"),
        ("fields", "ID,Ticket_ID"),
        ("max_records", "200"),
    ];
    let (status, found) = client.get(&query).await;
    assert_eq!((status, &found["code"]), (StatusCode::OK, &json!(3000)));
    let rows = found["data"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["Ticket_ID"].as_str().unwrap()).collect::<Vec<_>>(), ["t1", "t3"]);
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 2));
}

#[tokio::test]
async fn nothing_found_is_an_error_code() {
    let client = Client::new().await;
    let (status, empty) = client.get(&[]).await;
    assert_eq!((status, &empty["code"]), (StatusCode::BAD_REQUEST, &json!(9220)));
    client.add_tickets(tickets(1)).await;
    let (status, empty) = client.get(&[("criteria", r#"Ticket_ID == "other""#)]).await;
    assert_eq!((status, &empty["code"]), (StatusCode::BAD_REQUEST, &json!(9280)));
}

#[tokio::test]
async fn criteria_that_make_no_sense_are_refused_and_never_mean_nothing_found() {
    let client = Client::new().await;
    client.add_tickets(tickets(1)).await;
    for criteria in ["Ticket_ID = \"t0\"", "Nothing == \"t0\"", ""] {
        let (status, refused) = client.get(&[("criteria", criteria)]).await;
        assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(1060)), "{criteria}");
    }
}

#[tokio::test]
async fn the_cursor_leads_through_every_page() {
    let client = Client::with(unlimited()).await;
    for page in 0..3 {
        client.add_tickets(tickets(600).skip(page * 200).take(200)).await;
    }
    let (mut seen, mut cursor, mut pages) = (vec![], None, 0);
    loop {
        let request = client.report(&[("max_records", "500"), ("field_config", "quick_view")]);
        let request =
            cursor.iter().fold(request, |request, cursor: &String| request.header("record_cursor", cursor));
        let response = request.send().await.unwrap();
        cursor = response.headers().get("record_cursor").map(|cursor| cursor.to_str().unwrap().to_owned());
        let page: serde_json::Value = response.json().await.unwrap();
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|row| row["Ticket_ID"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, 2);
    assert_eq!(seen, tickets(600).collect::<Vec<_>>());
}

#[tokio::test]
async fn from_and_limit_of_v2_are_ignored() {
    let client = Client::new().await;
    client.add_tickets(tickets(200)).await;
    client.add_tickets(["last".to_owned()]).await;
    let first = client.get(&[("from", "1"), ("limit", "200")]).await;
    assert_eq!(client.get(&[("from", "201"), ("limit", "200")]).await, first);
    assert_eq!(first.1["data"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn max_records_is_200_500_or_1000() {
    let client = Client::new().await;
    client.add_tickets(tickets(1)).await;
    for (max, code) in [("200", 3000), ("500", 3000), ("1000", 3000), ("100", 1060), ("many", 1060)] {
        assert_eq!(client.get(&[("max_records", max)]).await.1["code"], code, "{max}");
    }
}

#[tokio::test]
async fn a_broken_cursor_is_refused() {
    let client = Client::new().await;
    client.add_tickets(tickets(1)).await;
    let (_, refused) = answer(client.report(&[]).header("record_cursor", "nonsense")).await;
    assert_eq!(refused["code"], 1060);
}

#[tokio::test]
async fn custom_columns_must_be_named_and_known() {
    let client = Client::new().await;
    client.add_tickets(tickets(1)).await;
    assert_eq!(client.get(&[("field_config", "custom")]).await.1["code"], 1000);
    let unknown = [("field_config", "custom"), ("fields", "ID,Nothing")];
    assert_eq!(client.get(&unknown).await.1["code"], 1060);
}

#[tokio::test]
async fn a_name_shows_its_display_value_and_times_follow_the_account() {
    let mut settings = unlimited();
    settings.limits.utc_offset = "+05:30".parse().unwrap();
    let client = Client::with(settings).await;
    let name = json!({"first_name": "John", "last_name": "Doe"});
    client.add(&json!({"data": {"Ticket_ID": "t1", "Name": name}})).await;
    let query =
        [("criteria", r#"Name.startsWith("John") && Added_Time >= '20-Nov-2026'"#), ("field_config", "all")];
    let (_, found) = client.get(&query).await;
    assert_eq!(found["data"][0]["Name"]["zc_display_value"], "John Doe");
    assert_eq!(found["data"][0]["Added_Time"], "20-Nov-2026 17:30:00");
    assert_eq!(found["data"][0]["Status"], "");
}
