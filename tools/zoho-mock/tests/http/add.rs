use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zoho_mock::{Limits, Settings};

use crate::client::{APP, Client, answer};

fn ticket(id: &str) -> Value {
    json!({"Ticket_ID": id, "Name": {"first_name": "John", "last_name": "Doe"}, "Email": "john@example.com",
           "Request_Type": "Network", "Description": "Cannot connect to VPN", "Category": "Network",
           "Priority": "High", "Summary": "VPN connection issue", "Entities": "[\"VPN\"]", "Delivery_Batch": "b_1"})
}

#[tokio::test]
async fn one_object_answers_flat() {
    let client = Client::new().await;
    let (status, added) = client.add(&json!({"data": ticket("t1")})).await;
    assert_eq!((status, &added["code"]), (StatusCode::OK, &json!(3000)));
    let id = added["data"]["ID"].as_str().unwrap();
    assert!(id.len() == 19 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    assert_eq!(added["data"].as_object().unwrap().len(), 1);
    assert_eq!(added["message"], "Data Added Successfully");
    assert_eq!(client.mock.records()[0].text("Email"), Some("john@example.com"));
}

#[tokio::test]
async fn a_list_answers_item_by_item_and_is_not_atomic() {
    let client = Client::new().await;
    let bad_email = json!({"Ticket_ID": "t2", "Email": "nobody"});
    let bad_choice = json!({"Ticket_ID": "t3", "Priority": "Urgent"});
    let rows = json!([ticket("t1"), ticket("t1"), bad_email, bad_choice, ticket("t4")]);
    let (status, answer) = client.add(&json!({"data": rows, "result": {"fields": ["Ticket_ID"]}})).await;
    assert_eq!((status, &answer["code"]), (StatusCode::OK, &json!(3000)));
    let codes: Vec<_> =
        answer["result"].as_array().unwrap().iter().map(|item| item["code"].as_u64()).collect();
    assert_eq!(codes, [3000, 3002, 3002, 3001, 3000].map(Some));
    assert_eq!(
        answer["result"][1]["error"],
        json!({"Ticket_ID": "This value already exists. Enter a unique value."})
    );
    assert_eq!(answer["result"][3]["error"], json!(["Invalid column value for Priority"]));
    assert_eq!(client.mock.records().len(), 2);
}

#[tokio::test]
async fn asked_for_fields_are_echoed_with_the_id() {
    let client = Client::new().await;
    let result = json!({"fields": ["Ticket_ID", "Priority"], "message": false});
    let (_, added) = client.add(&json!({"data": [ticket("t1")], "result": result})).await;
    let item = &added["result"][0];
    assert_eq!((&item["data"]["Ticket_ID"], &item["data"]["Priority"]), (&json!("t1"), &json!("High")));
    assert_eq!(item["data"].as_object().unwrap().len(), 3);
    assert!(item.get("message").is_none());
}

#[tokio::test]
async fn both_path_styles_reach_the_same_form() {
    let client = Client::new().await;
    client.add(&json!({"data": ticket("t1")})).await;
    let old = client.call(Method::POST, &format!("/api/v2.1/{APP}/form/Tickets"));
    assert_eq!(answer(old.json(&json!({"data": ticket("t1")}))).await.1["code"], 3002);
}

#[tokio::test]
async fn two_hundred_records_are_the_most() {
    let client = Client::new().await;
    let rows =
        |count: usize| json!({"data": (0..count).map(|n| ticket(&format!("t{n}"))).collect::<Vec<_>>()});
    let (status, refused) = client.add(&rows(201)).await;
    assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!(3950)));
    assert_eq!(client.mock.records().len(), 0);
    let (_, added) = client.add(&rows(200)).await;
    assert_eq!(added["result"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn a_body_without_data_is_refused() {
    let client = Client::new().await;
    for body in [
        json!({}),
        json!({"data": []}),
        json!({"data": {}}),
        json!({"data": "t"}),
        json!({"data": ["t"]}),
        json!([]),
    ] {
        let (status, refused) = client.add(&body).await;
        assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!(3020)), "{body}");
    }
}

#[tokio::test]
async fn a_key_too_many_beside_data_is_refused() {
    let client = Client::new().await;
    let (status, refused) = client.add(&json!({"data": ticket("t1"), "upsert": true})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(2945)));
    assert_eq!(refused["description"], "EXTRA_KEY_FOUND_IN_JSON");
}

#[tokio::test]
async fn skip_workflow_belongs_in_the_body() {
    let client = Client::new().await;
    let path = format!("/creator/v2.1/data/{APP}/form/Tickets?skip_workflow=all");
    let (status, refused) =
        answer(client.call(Method::POST, &path).json(&json!({"data": ticket("t1")}))).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(1060)));
    let (_, added) = client.add(&json!({"data": ticket("t1"), "skip_workflow": ["all"]})).await;
    assert_eq!(added["code"], 3000);
}

#[tokio::test]
async fn a_full_account_takes_no_more_records() {
    let limits = Limits { records: 1, ..Limits::default() };
    let client = Client::with(Settings { limits, ..Settings::default() }).await;
    let (_, added) = client.add(&json!({"data": [ticket("t1"), ticket("t2")]})).await;
    assert_eq!((&added["result"][0]["code"], &added["result"][1]["code"]), (&json!(3000), &json!(3060)));
}
