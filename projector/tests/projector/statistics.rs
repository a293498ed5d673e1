//! Counts and waiting times.

use schemas::analysis::{Priority, Sentiment};
use serde_json::{Value, json};

use crate::{
    events::{LABELS, Labels},
    hub::Hub,
};

#[tokio::test]
async fn without_tickets_everything_is_zero_or_unknown() {
    let hub = Hub::start().await;
    let summary = hub.data("/api/tickets/stats/summary").await;
    let unknown =
        json!({ "tickets": 0, "mean": null, "median": null, "p90": null, "p95": null, "p99": null });
    for (member, expected) in [
        ("total", json!(0)),
        ("resolutionRate", json!(null)),
        ("crm", json!({ "delivered": 0, "pending": 0, "parked": 0 })),
        ("timeToAnalysisMs", unknown.clone()),
        ("timeToCrmMs", unknown.clone()),
        ("timeToResolutionMs", unknown),
        ("byStatus", json!({})),
        ("byDay", json!({})),
        ("topTopics", json!([])),
    ] {
        assert_eq!(summary[member], expected, "{member}");
    }
}

#[tokio::test]
async fn tickets_count_under_each_of_their_labels() {
    let hub = Hub::start().await;
    for n in 1..=4 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    let other = Labels {
        category: "Cloud",
        priority: Priority::Low,
        sentiment: Sentiment::Positive,
        needs_review: true,
        ..LABELS
    };
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.analyze(2, "ada@example.com", LABELS).await;
    hub.analyze(3, "ada@example.com", other).await;
    hub.deliver(1).await;
    hub.park(2).await;
    hub.settled().await;
    let mut summary = hub.data("/api/tickets/stats/summary").await;
    let days = summary["byDay"].take();
    let in_days: i64 = days.as_object().unwrap().values().filter_map(Value::as_i64).sum();
    assert_eq!(in_days, 4, "{days}");
    for waiting in ["timeToAnalysisMs", "timeToCrmMs"] {
        let waiting = summary[waiting].take();
        assert!(waiting["median"].as_f64().unwrap() <= waiting["p95"].as_f64().unwrap(), "{waiting}");
    }
    for (member, expected) in [
        ("total", json!(4)),
        ("analyzed", json!(3)),
        ("needsReview", json!(1)),
        ("crm", json!({ "delivered": 1, "pending": 2, "parked": 1 })),
        ("byStatus", json!({ "open": 4 })),
        ("byCategory", json!({ "Network": 2, "Cloud": 1 })),
        ("byPriority", json!({ "High": 2, "Low": 1 })),
        ("bySentiment", json!({ "negative": 2, "positive": 1 })),
        ("byRequestType", json!({ "Network": 4 })),
    ] {
        assert_eq!(summary[member], expected, "{member}");
    }
}
