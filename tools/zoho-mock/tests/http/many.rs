use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{APP, Answer, Client, answer, unlimited};

impl Client {
    async fn many(&self, method: Method, query: &str, body: &Value) -> Answer {
        let path = format!("/creator/v2.1/data/{APP}/report/All_Tickets{query}");
        answer(self.call(method, &path).json(body)).await
    }
}

fn close(criteria: &str) -> Value {
    json!({"criteria": criteria, "data": {"Status": "closed"}, "result": {"fields": ["Status"]}})
}

#[tokio::test]
async fn an_update_by_criteria_changes_what_matches_and_nothing_else() {
    let client = Client::new().await;
    client.add_tickets(["a1", "a2", "b1"].map(str::to_owned)).await;
    let (_, updated) = client.many(Method::PATCH, "", &close("Ticket_ID.startsWith(\"a\")")).await;
    let items = updated["result"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|item| item["code"] == 3000 && item["data"]["Status"] == "closed"), "{updated}");
    let closed = client.mock.records().iter().filter(|record| record.text("Status").is_some()).count();
    assert_eq!((closed, client.mock.counters().records_updated), (2, 2));
    assert_eq!(client.many(Method::PATCH, "", &close("Ticket_ID == \"c\"")).await.1["code"], 9280);
}

#[tokio::test]
async fn more_than_two_hundred_need_to_be_asked_for() {
    let client = Client::with(unlimited()).await;
    client.add_tickets((0..200).map(|n| format!("a{n}"))).await;
    client.add_tickets(["a200".to_owned()]).await;
    let all = close("Ticket_ID.startsWith(\"a\")");
    assert_eq!(client.many(Method::PATCH, "", &all).await.1["code"], 3960);
    assert_eq!(client.mock.counters().records_updated, 0);
    let (_, first) = client.many(Method::PATCH, "?process_until_limit=true", &all).await;
    assert_eq!((first["result"].as_array().unwrap().len(), &first["more_records"]), (200, &json!(true)));
    let rest = close("Ticket_ID.startsWith(\"a\") && Status != \"closed\"");
    let (_, last) = client.many(Method::PATCH, "?process_until_limit=true", &rest).await;
    assert_eq!((last["result"].as_array().unwrap().len(), &last["more_records"]), (1, &json!(false)));
}

#[tokio::test]
async fn each_record_has_its_own_result() {
    let client = Client::new().await;
    client.add_tickets(["a1", "a2"].map(str::to_owned)).await;
    let same = json!({"criteria": "Ticket_ID.startsWith(\"a\")", "data": {"Ticket_ID": "a1"}});
    let (_, updated) = client.many(Method::PATCH, "", &same).await;
    let codes: Vec<_> = updated["result"].as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, [&json!(3000), &json!(3002)]);
}

#[tokio::test]
async fn a_delete_by_criteria_removes_what_matches() {
    let client = Client::new().await;
    client.add_tickets(["a1", "a2", "b1"].map(str::to_owned)).await;
    let (_, deleted) = client.many(Method::DELETE, "", &json!({"criteria": "Ticket_ID != \"b1\""})).await;
    assert_eq!(deleted["result"].as_array().unwrap().len(), 2);
    assert_eq!(client.mock.records().len(), 1);
}

#[tokio::test]
async fn without_criteria_nothing_is_touched() {
    let client = Client::new().await;
    client.add_tickets(["a1".to_owned()]).await;
    assert_eq!(client.many(Method::DELETE, "", &json!({})).await.1["code"], 3020);
    assert_eq!(client.many(Method::PATCH, "", &json!({"data": {"Status": "x"}})).await.1["code"], 3020);
    assert_eq!(client.many(Method::PATCH, "?skip_workflow=all", &close("ID != \"\"")).await.1["code"], 1060);
    assert_eq!(client.mock.records().len(), 1);
}
