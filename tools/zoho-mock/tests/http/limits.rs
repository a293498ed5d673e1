use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use zoho_mock::{Limits, Settings};

use crate::client::{APP, Client};

async fn client_with(limits: Limits) -> Client {
    Client::with(Settings { limits, ..Settings::default() }).await
}

#[tokio::test]
async fn the_fifty_first_call_of_a_minute_is_refused_and_counted() {
    let client = Client::new().await;
    for _ in 0..50 {
        assert_eq!(client.get(&[]).await.1["code"], 9220);
    }
    client.clock.advance(TimeDelta::seconds(20));
    let refused = client.report(&[]).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "40");
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["code"], 2955);
    assert!(body["description"].is_string());
    assert_eq!(client.mock.counters().violations.minute, 1);
    client.clock.advance(TimeDelta::seconds(40));
    assert_eq!(client.get(&[]).await.1["code"], 9220);
}

#[tokio::test]
async fn retry_after_can_be_left_out() {
    let client = client_with(Limits { per_minute: 1, no_retry_after: true, ..Limits::default() }).await;
    client.get(&[]).await;
    let refused = client.report(&[]).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().get("retry-after").is_none());
}

#[tokio::test]
async fn the_daily_quota_ends_with_http_200_and_begins_anew_at_midnight() {
    let mut client = client_with(Limits { per_day: 1, ..Limits::default() }).await;
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "t1"}})).await.1["code"], 3000);
    let (status, refused) = client.add(&json!({"data": {"Ticket_ID": "t2"}})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::OK, &json!(4000)));
    assert_eq!(client.mock.counters().violations.daily, 1);
    assert_eq!(client.mock.records().len(), 1);
    client.clock.advance(TimeDelta::hours(12));
    client.refresh().await;
    assert_eq!(client.add(&json!({"data": {"Ticket_ID": "t2"}})).await.1["code"], 3000);
}

#[tokio::test]
async fn the_seventh_call_at_once_is_refused_and_counted() {
    let client = Client::new().await;
    let mut open = vec![];
    for _ in 0..6 {
        open.push(unfinished_call(&client).await);
    }
    until(|| client.mock.counters().peak_in_flight == 6).await;
    assert_eq!(client.get(&[]).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(client.mock.counters().violations.concurrency, 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_place() {
    let client = client_with(Limits { concurrent: 1, per_minute: 0, per_day: 0, ..Limits::default() }).await;
    let open = unfinished_call(&client).await;
    until(|| client.mock.counters().peak_in_flight == 1).await;
    drop(open);
    while client.get(&[]).await.0 == StatusCode::TOO_MANY_REQUESTS {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get(&[]).await.1["code"], 9220);
}

#[tokio::test]
async fn calls_without_a_valid_token_use_up_nothing() {
    let client = client_with(Limits { per_day: 1, ..Limits::default() }).await;
    let path = format!("/creator/v2.1/data/{APP}/report/All_Tickets");
    client.plain(Method::GET, &path).send().await.unwrap();
    assert_eq!(client.get(&[]).await.1["code"], 9220);
}

/// A call whose body never comes: it stays under way until the stream is dropped.
async fn unfinished_call(client: &Client) -> TcpStream {
    let address = client.mock.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /creator/v2.1/data/{APP}/form/Tickets HTTP/1.1\r\nhost: mock\r\naccept: application/json\r\n\
         authorization: Zoho-oauthtoken {}\r\ncontent-length: 2\r\n\r\n",
        client.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        tokio::task::yield_now().await;
    }
}
