//! Figures of a period, over time, and downloads.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    events::{LABELS, Labels},
    hub::Hub,
};

/// Four tickets: 1 and 2 about the network, 3 about the cloud though handed in as network, 4 not analyzed. 1 was resolved,
/// confirmed and reopened.
async fn a_little_work() -> Hub {
    let hub = Hub::start().await;
    for n in 1..=4 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    for n in 1..=2 {
        hub.analyze(n, "ada@example.com", LABELS).await;
    }
    hub.analyze(3, "ada@example.com", Labels { category: "Cloud", route: "video-call", ..LABELS }).await;
    hub.resolve(1, "Replaced the cable.").await;
    hub.confirm(1, 4).await;
    hub.reopen(1, "It drops again.").await;
    hub.resolve(2, "Restarted it.").await;
    hub.settled().await;
    hub
}

async fn created(hub: &Hub, n: i64) -> DateTime<Utc> {
    hub.data(&format!("/api/tickets/{n}")).await["createdAt"].as_str().unwrap().parse().unwrap()
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[tokio::test]
async fn a_period_counts_the_tickets_submitted_in_it() {
    let hub = a_little_work().await;
    let now = created(&hub, 1).await;
    let hour = TimeDelta::hours(1);
    let total =
        async |query: &str| hub.data(&format!("/api/tickets/stats/summary?{query}")).await["total"].take();
    for (from, to, expected) in [
        (now, now + TimeDelta::minutes(2), 4),
        (now - TimeDelta::days(400), now + TimeDelta::days(400), 4),
        (now + hour * 2, now + hour * 3, 0),
        (now - hour * 3, now - hour, 0),
    ] {
        assert_eq!(total(&format!("from={}&to={}", text(from), text(to))).await, expected, "{from} {to}");
    }
    assert_eq!(total(&format!("from={}", text(now - hour))).await, 4);
    assert_eq!(total(&format!("to={}", text(now - hour * 2))).await, 0);
    assert_eq!(total(&format!("asOf={}", text(now - hour * 2))).await, 0);
    // To the moment: the other tickets were handed in later.
    assert_eq!(total(&format!("asOf={}", text(now))).await, 1);
    assert_eq!(total(&format!("asOf={}", text(now + TimeDelta::minutes(1)))).await, 4);
}

#[tokio::test]
async fn rates_waiting_times_confusion_and_sessions_tell_what_happened() {
    let hub = a_little_work().await;
    let times = hub.data("/api/analytics/times").await;
    assert_eq!((times["resolutionRate"].clone(), times["reopenRate"].clone()), (json!(0.5), json!(0.5)));
    assert_eq!(times["timeToAnalysisMs"]["tickets"], 3);
    assert!(times["timeToAnalysisMs"]["p99"].as_f64() >= times["timeToAnalysisMs"]["median"].as_f64());
    let confusion = hub.data("/api/analytics/confusion").await;
    assert_eq!(confusion["tickets"], 3);
    assert_eq!(
        confusion["pairs"],
        json!([{ "from": "Network", "to": "Network", "tickets": 2 }, { "from": "Network", "to": "Cloud", "tickets": 1 }])
    );
    let sessions = hub.data("/api/analytics/sessions").await;
    assert_eq!(sessions["totalSessions"], 4);
    assert_eq!(sessions["byChannel"], json!({ "live-chat": 2, "video-call": 1 }));
    assert_eq!(hub.data("/api/analytics/topics").await["topics"], json!([]));
}

#[tokio::test]
async fn a_course_has_a_point_for_every_interval() {
    let hub = a_little_work().await;
    let now = created(&hub, 1).await;
    let span = format!("from={}&to={}", text(now - TimeDelta::hours(3)), text(now + TimeDelta::minutes(2)));
    let series = hub.data(&format!("/api/analytics/series?interval=hour&dimension=category&{span}")).await;
    let points = series["points"].as_array().unwrap();
    assert!((4..=5).contains(&points.len()), "{series}");
    let total: i64 = points.iter().map(|point| point["total"].as_i64().unwrap()).sum();
    assert_eq!(total, 3);
    let days = hub.data("/api/analytics/series").await;
    assert!((30..=32).contains(&days["points"].as_array().unwrap().len()));
    assert_eq!(
        days["points"].as_array().unwrap().iter().map(|point| point["total"].as_i64().unwrap()).sum::<i64>(),
        4
    );
}

#[tokio::test]
async fn impossible_periods_are_refused_with_a_reason() {
    let hub = Hub::start().await;
    for (path, reason) in [
        ("stats/summary?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from must be earlier than to"),
        (
            "stats/summary?from=2026-01-02T00:00:00Z&asOf=2026-01-01T00:00:00Z",
            "asOf looks back at all tickets",
        ),
        ("stats/summary?since=yesterday", "unknown field `since`"),
        ("stats/summary?asOf=2990-01-01T00:00:00Z", "asOf has not come yet"),
        ("stats/summary?to=9999-12-31T23:30:00Z", "a time is written as"),
    ] {
        let detail = hub.refusal(&format!("/api/tickets/{path}"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(reason), "{path}: {detail}");
    }
    for (path, reason) in [
        ("series?interval=hour&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "1500 at most"),
        ("series?interval=day&from=2000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "apart: 1500 at most"),
        ("series?from=2990-01-01T00:00:00Z", "from is later than to, which is now"),
        ("topics?asOf=2026-01-01T00:00:00Z", "unknown field `asOf`"),
        ("series?minPosition=999", "the log ends at 0"),
        ("export?minPosition=999", "the log ends at 0"),
        ("series?dimension=colour", "unknown variant `colour`"),
        ("topics?limit=0", "limit: must be a whole number of 1 to 200"),
        ("confusion?of=summary", "unknown variant `summary`"),
        ("export?format=xlsx", "unknown variant `xlsx`"),
    ] {
        let detail = hub.refusal(&format!("/api/analytics/{path}"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(reason), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_download_holds_every_ticket_that_passes() {
    let hub = a_little_work().await;
    hub.submit_many(5..=1_050, "Cloud").await;
    hub.settled().await;
    let csv = hub.get("/api/tickets/export?requestType=Cloud").await;
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"tickets.csv\"");
    let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 1_046);
    assert!(
        rows.windows(2).all(|pair| pair[0][1].parse::<i64>().unwrap() < pair[1][1].parse::<i64>().unwrap())
    );
    let lines = hub.get("/api/tickets/export?format=ndjson&status=resolved").await;
    let tickets: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0], hub.data("/api/tickets/2").await);
    let counters = hub.get("/api/analytics/export?format=ndjson").await.text;
    let counters: Vec<Value> = counters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |dimension: &str| {
        counters
            .iter()
            .filter(|cell| cell["dimension"] == dimension)
            .map(|cell| cell["tickets"].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!((of("tickets"), of("analyzed")), (1_050, 3));
}

#[tokio::test]
async fn a_day_that_a_period_touches_is_told_as_a_whole() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.settled().await;
    let now = created(&hub, 1).await;
    // Neither begins at midnight, wherever the day stands.
    let (begin, end) = (now + TimeDelta::hours(1), now + TimeDelta::hours(2));
    let same_day = begin.date_naive() == now.date_naive();
    let period = format!("from={}&to={}", text(begin), text(end));
    let today = now.format("%Y-%m-%d").to_string();
    let summary = hub.data(&format!("/api/tickets/stats/summary?{period}")).await;
    assert_eq!((&summary["total"], summary["byDay"][&today] == 1), (&json!(0), same_day), "{summary}");
    let days = hub.get(&format!("/api/analytics/export?format=ndjson&{period}")).await.text;
    assert_eq!(days.contains("\"dimension\":\"tickets\""), same_day, "{days}");
    let hours = hub.get(&format!("/api/analytics/export?format=ndjson&interval=hour&{period}")).await.text;
    assert!(!hours.contains("\"dimension\":\"tickets\""), "{hours}");
}

#[tokio::test]
async fn a_requesters_other_tickets_are_found_through_one_of_them() {
    let hub = a_little_work().await;
    hub.submit(5, "bob@example.com", "Cloud").await;
    hub.settled().await;
    let history = hub.data("/api/tickets/2/requester").await;
    assert_eq!((history["tickets"].clone(), history["openTickets"].clone()), (json!(4), json!(3)));
    let numbers: Vec<_> =
        history["latest"].as_array().unwrap().iter().map(|ticket| ticket["number"].clone()).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    hub.refusal("/api/tickets/999/requester", StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn tickets_that_read_alike_are_found_and_many_at_once_are_an_incident() {
    let hub = Hub::start().await;
    for n in 1..=6 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    hub.settled().await;
    assert_eq!(hub.data("/api/tickets/6/similar").await["comparable"], false);
    for (n, steps) in [
        (1, [100, 0, 0]),
        (2, [0, 100, 0]),
        (3, [90, 40, 0]),
        (4, [95, 30, 0]),
        (5, [-100, 0, 0]),
        (6, [100, 5, 0]),
    ] {
        hub.place(n, &steps.map(|step: i8| step)).await;
    }
    let similar = hub.data("/api/tickets/6/similar?limit=3").await;
    let numbers: Vec<_> =
        similar["tickets"].as_array().unwrap().iter().map(|ticket| ticket["number"].clone()).collect();
    assert_eq!(numbers, [1, 4, 3]);
    assert_eq!(similar["duplicateOf"]["number"], 1);
    assert_eq!(similar["incident"]["message"], "3 tickets like this within the hour");
    assert_eq!(similar["compared"], 5);
    // Only earlier tickets are suggested.
    let first = hub.data("/api/tickets/1/similar").await;
    assert_eq!((first["tickets"].clone(), first["duplicateOf"].clone()), (json!([]), json!(null)));
    assert_eq!(first["incident"]["tickets"], 3);
    hub.refusal("/api/tickets/999/similar", StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn a_flood_of_later_tickets_hides_no_duplicate() {
    let hub = Hub::start().await;
    hub.submit(1, "ada@example.com", "Network").await;
    hub.submit(2, "ada@example.com", "Network").await;
    hub.settled().await;
    hub.place(1, &[100, 0, 0]).await;
    hub.place(2, &[100, 1, 0]).await;
    sqlx::raw_sql(
        "insert into projector.embeddings (ticket_id, number, created_at, space, scale, steps)
         select 'later-' || n, 100 + n, created_at + interval '1 s', space, scale, '\\x000064'
         from projector.embeddings, generate_series(1, 20001) n where number = 2",
    )
    .execute(hub.pool())
    .await
    .unwrap();
    let similar = hub.data("/api/tickets/2/similar").await;
    assert_eq!((&similar["duplicateOf"]["number"], &similar["compared"]), (&json!(1), &json!(20_001)));
}

impl Hub {
    /// Puts the text of ticket `number` there, as its analysis would.
    async fn place(&self, number: i64, steps: &[i8]) {
        let steps: Vec<u8> = steps.iter().map(|step| step.cast_unsigned()).collect();
        sqlx::query(
            "insert into projector.embeddings (ticket_id, number, created_at, space, scale, steps)
             select id, number, created_at, 'test', 0.01, $2 from projector.tickets where number = $1",
        )
        .bind(number)
        .bind(steps)
        .execute(self.pool())
        .await
        .unwrap();
    }
}
