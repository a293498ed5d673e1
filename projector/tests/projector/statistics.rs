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
    let unknown = json!({ "median": null, "p95": null });
    assert_eq!(
        summary,
        json!({
            "total": 0, "analyzed": 0, "needsReview": 0, "crm": { "delivered": 0, "pending": 0, "parked": 0 },
            "timeToAnalysisMs": unknown, "timeToCrmMs": unknown, "byStatus": {}, "byCategory": {},
            "byPriority": {}, "bySentiment": {}, "byDay": {},
        })
    );
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
    assert_eq!(
        summary,
        json!({
            "total": 4, "analyzed": 3, "needsReview": 1, "crm": { "delivered": 1, "pending": 2, "parked": 1 },
            "timeToAnalysisMs": null, "timeToCrmMs": null, "byDay": null,
            "byStatus": { "open": 4 }, "byCategory": { "Network": 2, "Cloud": 1 },
            "byPriority": { "High": 2, "Low": 1 }, "bySentiment": { "negative": 2, "positive": 1 },
        })
    );
}
