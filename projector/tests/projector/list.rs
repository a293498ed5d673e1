//! Lists of tickets.

use axum::http::StatusCode;
use schemas::analysis::{Priority, Sentiment};
use serde_json::{Value, json};

use crate::{
    events::{LABELS, Labels},
    hub::Hub,
};

/// Tickets 1 to 4 that differ in every filter; 4 is not analyzed.
async fn four_tickets() -> Hub {
    let hub = Hub::start().await;
    for (n, request_type) in [(1, "Network"), (2, "Security"), (3, "Cloud"), (4, "General")] {
        hub.submit(n, "ada@example.com", request_type).await;
    }
    let second = Labels {
        category: "Security",
        priority: Priority::Critical,
        sentiment: Sentiment::Neutral,
        route: "video-call",
        needs_review: true,
        ..LABELS
    };
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.analyze(2, "ada@example.com", second).await;
    hub.analyze(3, "ada@example.com", Labels { category: "Cloud", ..LABELS }).await;
    hub.settled().await;
    hub
}

async fn numbers(hub: &Hub, query: &str) -> Vec<i64> {
    numbers_of(&hub.data(&format!("/api/tickets?{query}")).await)
}

fn numbers_of(data: &Value) -> Vec<i64> {
    data.as_array().unwrap().iter().map(|ticket| ticket["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn each_filter_lets_its_tickets_pass() {
    let hub = four_tickets().await;
    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("sort=oldest", vec![1, 2, 3, 4]),
        ("status=open", vec![4, 3, 2, 1]),
        ("status=closed", vec![]),
        ("category=Cloud", vec![3]),
        ("priority=High", vec![3, 1]),
        ("sentiment=neutral", vec![2]),
        ("requestType=General", vec![4]),
        ("route=video-call", vec![2]),
        ("needsReview=true", vec![2]),
        ("needsReview=false", vec![4, 3, 1]),
        ("priority=High&category=Network", vec![1]),
        ("priority=Critical&category=Network", vec![]),
    ] {
        assert_eq!(numbers(&hub, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_time_span_begins_with_its_first_instant_and_ends_before_its_last() {
    let hub = four_tickets().await;
    let created = async |n| {
        let ticket = hub.data(&format!("/api/tickets/{n}")).await;
        ticket["createdAt"].as_str().unwrap().to_owned()
    };
    let (second, fourth) = (created(2).await, created(4).await);
    assert_eq!(numbers(&hub, &format!("from={second}&to={fourth}")).await, vec![3, 2]);
}

#[tokio::test]
async fn pages_visit_every_ticket_exactly_once() {
    let hub = Hub::start().await;
    for n in 1..=23 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    hub.settled().await;
    for limit in [1, 5, 23, 200] {
        assert_eq!(walk(&hub, "oldest", limit).await, (1..=23).collect::<Vec<_>>(), "{limit}");
        assert_eq!(walk(&hub, "newest", limit).await, (1..=23).rev().collect::<Vec<_>>(), "{limit}");
    }
}

/// The numbers on all pages, following `nextCursor` to the end.
async fn walk(hub: &Hub, sort: &str, limit: usize) -> Vec<i64> {
    let mut seen = vec![];
    let mut cursor = String::new();
    loop {
        let page = hub.get(&format!("/api/tickets?sort={sort}&limit={limit}{cursor}")).await.json();
        let numbers = numbers_of(&page["data"]);
        assert!(numbers.len() <= limit);
        seen.extend(numbers);
        let Some(next) = page["nextCursor"].as_str() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn a_ticket_that_arrives_between_two_pages_moves_nothing() {
    let hub = four_tickets().await;
    let first = hub.get("/api/tickets?limit=2").await.json();
    hub.submit(5, "ada@example.com", "Network").await;
    hub.settled().await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = hub.get(&format!("/api/tickets?limit=2&cursor={cursor}")).await.json();
    assert_eq!((numbers_of(&first["data"]), numbers_of(&second["data"])), (vec![4, 3], vec![2, 1]));
    assert_eq!(second["nextCursor"], json!(null));
}

#[tokio::test]
async fn a_parameter_we_do_not_understand_is_refused_with_a_reason() {
    let hub = Hub::start().await;
    let of_another_sort = "bmV3ZXN0OjM"; // newest:3
    for (query, reason) in [
        ("limit=0", "limit must be 1 to 200"),
        ("limit=201", "limit must be 1 to 200"),
        ("limit=many", "invalid digit"),
        ("cursor=nonsense", "cursor is not one we gave"),
        (&format!("sort=oldest&cursor={of_another_sort}"), "cursor belongs to a list with another sort"),
        ("sort=best", "unknown variant `best`"),
        ("priority=high", "unknown variant `high`"),
        ("needsReview=maybe", "not `true` or `false`"),
        ("from=yesterday", "invalid characters"),
        ("colour=red", "unknown field `colour`"),
        ("status=open&status=closed", "duplicate field `status`"),
    ] {
        let detail = hub.refusal(&format!("/api/tickets?{query}"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(reason), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_list_that_waits_for_a_position_holds_it() {
    let hub = Hub::start().await;
    let written = hub.submit(1, "ada@example.com", "Network").await;
    assert_eq!(numbers(&hub, &format!("minPosition={}", written.position)).await, vec![1]);
}
