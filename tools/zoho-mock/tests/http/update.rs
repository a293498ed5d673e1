use reqwest::Method;
use serde_json::json;

use crate::client::Client;

#[tokio::test]
async fn a_patch_changes_only_what_it_names_and_can_be_repeated() {
    let client = Client::new().await;
    let id = client.add_tickets(["t1".to_owned()]).await.remove(0);
    let patch = json!({"data": {"Status": "closed"}, "result": {"fields": ["Status"]}});
    for _ in 0..2 {
        let (_, updated) = client.one(Method::PATCH, &id, Some(&patch)).await;
        assert_eq!(updated["code"], 3000);
        assert_eq!(updated["data"], json!({"Status": "closed", "ID": id}));
    }
    let (_, found) = client.one(Method::GET, &id, None).await;
    assert_eq!((&found["data"]["Ticket_ID"], &found["data"]["Status"]), (&json!("t1"), &json!("closed")));
}

#[tokio::test]
async fn a_missing_record_is_3190_for_get_patch_and_delete() {
    let client = Client::new().await;
    for id in ["3888833000000121319", "nonsense"] {
        let patch = json!({"data": {"Status": "closed"}});
        assert_eq!(client.one(Method::GET, id, None).await.1["code"], 3190);
        assert_eq!(client.one(Method::PATCH, id, Some(&patch)).await.1["code"], 3190);
        let (_, missing) = client.one(Method::DELETE, id, None).await;
        assert_eq!(missing["message"], format!("No record with ID {id} found."));
    }
}

#[tokio::test]
async fn a_patch_obeys_the_rules_of_the_form() {
    let client = Client::new().await;
    let ids = client.add_tickets(["t1".to_owned(), "t2".to_owned()]).await;
    let patch =
        async |data| client.one(Method::PATCH, &ids[0], Some(&json!({"data": data}))).await.1["code"].clone();
    assert_eq!(patch(json!({"Ticket_ID": "t2"})).await, 3002);
    assert_eq!(patch(json!({"Ticket_ID": ""})).await, 3002);
    assert_eq!(patch(json!({"Priority": "?"})).await, 3001);
    assert_eq!(patch(json!({"Ticket_ID": "t3"})).await, 3000);
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "t1"}})).await.1["code"], 3000);
}

#[tokio::test]
async fn a_deleted_record_is_gone_and_its_ticket_id_free() {
    let client = Client::new().await;
    let id = client.add_tickets(["t1".to_owned()]).await.remove(0);
    assert_eq!(client.one(Method::DELETE, &id, None).await.1["code"], 3000);
    assert_eq!(client.one(Method::GET, &id, None).await.1["code"], 3190);
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "t1"}})).await.1["code"], 3000);
}
