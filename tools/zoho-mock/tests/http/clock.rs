use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zoho_mock::{Fault, Plan, Rule};

use crate::client::{Client, answer, unlimited};

async fn turn(client: &Client, how: Value) -> (StatusCode, Value) {
    answer(client.plain(Method::POST, "/__mock/clock").json(&how)).await
}

#[tokio::test]
async fn an_hour_passes_on_demand() {
    let client = Client::new().await;
    assert_eq!(client.get(&[]).await.1["code"], 9220);
    let (status, face) = turn(&client, json!({"advance_seconds": 3600})).await;
    assert_eq!((status, &face["now"]), (StatusCode::OK, &json!("2026-11-20T13:00:00Z")));
    assert_eq!(client.get(&[]).await.1["code"], 1030, "the token is an hour old");
}

#[tokio::test]
async fn what_is_late_lands_when_the_clock_is_put_forward() {
    let client = Client::with(unlimited()).await;
    client.mock.set_faults(Plan::new(1, [Rule::at(Fault::Late, [1]).seconds(60.0)])).unwrap();
    let path = "/creator/v2.1/data/smart-service-hub/helpdesk/form/Tickets";
    let lost = client.call(Method::POST, path).json(&json!({"data": {"Ticket_ID": "t1"}})).send().await;
    assert!(lost.is_err());
    turn(&client, json!({"advance_seconds": 60})).await;
    assert_eq!(client.mock.records().len(), 1);
}

#[tokio::test]
async fn the_clock_can_run_faster_but_not_back() {
    let client = Client::new().await;
    assert_eq!(turn(&client, json!({"speed": 100})).await.1["speed"], 100);
    client.clock.advance(chrono::TimeDelta::seconds(36));
    let (_, face) = answer(client.plain(Method::GET, "/__mock/clock")).await;
    assert_eq!(face, json!({"now": "2026-11-20T13:00:00Z", "speed": 100}));
    for wrong in [json!({"advance_seconds": -1}), json!({"speed": 1_000_000}), json!({"stop": true})] {
        assert_eq!(turn(&client, wrong).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_dump_tells_everything_but_tokens() {
    let client = Client::new().await;
    client.add_tickets(["t1".to_owned()]).await;
    let (_, dump) = answer(client.plain(Method::GET, "/__mock/dump")).await;
    assert_eq!(dump["records"][0]["fields"]["Ticket_ID"], "t1");
    assert_eq!((&dump["counters"]["records_added"], &dump["late_calls"]), (&json!(1), &json!(0)));
    assert!(!dump.to_string().contains("1000."));
}
