//! The counters equal a count over all tickets, at every time.

use std::collections::BTreeMap;

use projector::{read_model::Ticket, statistics::count::counts_of};
use schemas::{
    analysis::{Priority, Sentiment},
    work::{Decided, Decision},
};

use crate::{
    deeds::ADA,
    events::{LABELS, Labels},
    hub::{Hub, ticket_id},
    projection::busy_log,
};

type Counts = BTreeMap<(String, String, String), i64>;

/// What the counters of a grain add up to, without those that are back at nothing.
async fn kept(hub: &Hub, grain: &str) -> Counts {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "select dimension, label, other, sum(count)::bigint from projector.statistics where grain = $1
         group by dimension, label, other having sum(count) <> 0",
    )
    .bind(grain)
    .fetch_all(hub.pool())
    .await
    .unwrap();
    rows.into_iter().map(|(dimension, label, other, count)| ((dimension, label, other), count)).collect()
}

/// Counted over the tickets, the slow way.
async fn counted(hub: &Hub) -> Counts {
    let tickets: Vec<Ticket> = projector::read_model::all(hub.pool()).await.unwrap();
    let mut counts = Counts::new();
    for count in tickets.iter().flat_map(counts_of) {
        *counts.entry((count.dimension.to_owned(), count.label, count.other)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn whatever_happens_the_counters_equal_a_count_over_all_tickets() {
    let hub = busy_log().await;
    hub.analyze(2, "grace@example.com", Labels { category: "Cloud", degraded: true, ..LABELS }).await;
    hub.resolve(4, "Restarted it.").await;
    hub.settled().await;
    let counted = counted(&hub).await;
    assert!(counted.len() > 30, "{counted:?}");
    for grain in ["all", "day", "hour"] {
        assert_eq!(kept(&hub, grain).await, counted, "{grain}");
    }
    let mut impersonal = counted;
    impersonal.retain(|(dimension, ..), _| !dimension.starts_with("topic-"));
    for grain in ["change", "change-day"] {
        assert_eq!(kept(&hub, grain).await, impersonal, "{grain}");
    }
}

#[tokio::test]
async fn a_counter_loses_what_another_one_gains() {
    let hub = Hub::start().await;
    let count = async |dimension: &str, label: &str| {
        let key = (dimension.to_owned(), label.to_owned(), String::new());
        kept(&hub, "all").await.get(&key).copied().unwrap_or_default()
    };
    hub.submit(1, ADA, "Network").await;
    hub.analyze(1, ADA, Labels { priority: Priority::High, ..LABELS }).await;
    hub.settled().await;
    assert_eq!((count("status", "open").await, count("priority", "High").await), (1, 1));
    hub.correct(1, Decision::Priority, Decided::Label("Critical".to_owned())).await;
    hub.close(1).await;
    hub.settled().await;
    assert_eq!((count("status", "open").await, count("priority", "High").await), (0, 0));
    assert_eq!((count("status", "closed").await, count("priority", "Critical").await), (1, 1));
    let corrected = ("corrected-priority".to_owned(), "High".to_owned(), "Critical".to_owned());
    assert_eq!(kept(&hub, "all").await.get(&corrected), Some(&1));
}

#[tokio::test]
async fn a_requester_is_known_by_their_tickets() {
    let hub = Hub::start().await;
    hub.submit(1, ADA, "Network").await;
    hub.submit(2, ADA, "Cloud").await;
    hub.submit(3, "grace@example.com", "Cloud").await;
    hub.analyze(1, ADA, Labels { sentiment: Sentiment::Negative, ..LABELS }).await;
    hub.analyze(2, ADA, Labels { sentiment: Sentiment::Neutral, ..LABELS }).await;
    hub.resolve(1, "Replaced it.").await;
    hub.reopen(1, "It drops again.").await;
    hub.close(2).await;
    hub.settled().await;
    let ada: (i64, i64, i64, i64, i64, bool) = sqlx::query_as(
        "select tickets, open_tickets, negative_tickets, reopened_tickets, last_number,
                first_ticket_at = (select created_at from projector.tickets where id = $2)
         from projector.requesters where requester_id = $1",
    )
    .bind(hub.keys.requester_id(ADA).as_str())
    .bind(ticket_id(1).to_string())
    .fetch_one(hub.pool())
    .await
    .unwrap();
    assert_eq!(ada, (2, 1, 1, 1, 2, true));
}
