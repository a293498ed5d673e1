//! What was, at a position and at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use projector::{
    as_of::{self, Moment, ticket},
    queries::statistics::DIMENSIONS,
    statistics::count::counts_of,
};
use schemas::{
    Position,
    work::{Decided, Decision},
};
use service_host::clock;

use crate::{
    deeds::ADA,
    events::LABELS,
    hub::{Hub, ticket_id},
    projection::busy_log,
};

async fn recorded_at(hub: &Hub, position: i64) -> DateTime<Utc> {
    hub.store.read_positions(&[Position(position)]).await.unwrap()[0].time
}

#[tokio::test]
async fn a_ticket_is_seen_as_it_was() {
    let hub = Hub::start().await;
    hub.submit(1, ADA, "Network").await;
    hub.analyze(1, ADA, LABELS).await;
    hub.correct(1, Decision::Priority, Decided::Label("Low".to_owned())).await;
    hub.correct_summary(1, "The rented line is cut.").await;
    hub.close(1).await;
    let at = async |moment| ticket(hub.pool(), &hub.keys, ticket_id(1), moment).await.unwrap();
    assert!(at(Moment::Position(Position(0))).await.is_none(), "not handed in yet");
    let handed_in = at(Moment::Position(Position(1))).await.unwrap();
    assert_eq!((handed_in.email.as_deref(), handed_in.category), (Some(ADA), None));
    let analyzed = at(Moment::Time(recorded_at(&hub, 2).await)).await.unwrap();
    assert_eq!((analyzed.priority.as_deref(), analyzed.version), (Some("High"), 2));
    let corrected = at(Moment::Position(Position(3))).await.unwrap();
    assert_eq!((corrected.priority.as_deref(), corrected.status.as_str()), (Some("Low"), "open"));
    assert_eq!(corrected.summary.as_deref(), Some("srv-fs01 is down"));
    let summarized = at(Moment::Position(Position(4))).await.unwrap();
    assert_eq!(summarized.summary.as_deref(), Some("The rented line is cut."));
    assert_eq!(at(Moment::Time(clock::now())).await.unwrap().status, "closed");
}

/// Tickets per dimension, label and other label.
type Counts = BTreeMap<(String, String, String), i64>;

/// The counters of all tickets, as kept now; of topics no history is kept.
async fn kept(hub: &Hub) -> Counts {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "select dimension, label, other, count from projector.statistics where grain = 'all' and count <> 0
           and dimension = any($1) and dimension not like 'topic-%'",
    )
    .bind(DIMENSIONS.map(str::to_owned).to_vec())
    .fetch_all(hub.pool())
    .await
    .unwrap();
    rows.into_iter().map(|(dimension, label, other, count)| ((dimension, label, other), count)).collect()
}

/// The counters as they were, and the position they are exact for.
async fn statistics(hub: &Hub, moment: Moment) -> (Counts, Position) {
    let hour = as_of::broken_hour(hub.pool(), moment).await.unwrap();
    let found = as_of::statistics(hub.pool(), hub.pool(), hour, &DIMENSIONS).await.unwrap();
    let counters = found.counters.into_iter();
    (
        counters.map(|found| ((found.dimension, found.label, found.other), found.count)).collect(),
        found.through,
    )
}

#[tokio::test]
async fn the_statistics_are_seen_as_they_were() {
    let hub = busy_log().await;
    let (then, head) = (kept(&hub).await, hub.head().await);
    hub.submit(6, ADA, "Cloud").await;
    hub.close(3).await;
    hub.settled().await;
    assert_ne!(kept(&hub).await, then);
    for moment in [Moment::Position(head), Moment::Time(recorded_at(&hub, head.0).await)] {
        assert_eq!(statistics(&hub, moment).await, (then.clone(), head), "{moment:?}");
    }
    assert_eq!(statistics(&hub, Moment::Position(Position(i64::MAX))).await.0, kept(&hub).await);
    let before = statistics(&hub, Moment::Time(clock::now() - TimeDelta::days(1))).await;
    assert_eq!(before, (Counts::new(), Position::START));
    let hour = as_of::broken_hour(hub.pool(), Moment::Position(head)).await.unwrap();
    let found = as_of::statistics(hub.pool(), hub.pool(), hour, &["status"]).await.unwrap();
    assert!(found.counters.iter().all(|counter| counter.dimension == "status") && !found.counters.is_empty());
}

/// What the tickets, each as it was at a position, count for.
async fn counted(hub: &Hub, position: Position) -> Counts {
    let mut counts = Counts::new();
    for n in 1..=5 {
        let ticket = ticket(hub.pool(), &hub.keys, ticket_id(n), Moment::Position(position)).await.unwrap();
        let told = |dimension| DIMENSIONS.contains(&dimension) && !dimension.starts_with("topic-");
        let counted = ticket.iter().flat_map(counts_of).filter(|count| told(count.dimension));
        for count in counted {
            *counts.entry((count.dimension.to_owned(), count.label, count.other)).or_default() += 1;
        }
    }
    counts
}

/// As if it had happened over weeks, several events at the same time, on one day or days apart, at the full hour and right
/// before it; the read model is made of that.
async fn spread_out(hub: &mut Hub) {
    hub.stop_projection().await;
    sqlx::raw_sql(
        "alter table log.events disable trigger events_are_append_only;
         update log.events set recorded_at = placed.time
         from (select position, '2026-09-01T00:00:00Z'::timestamptz + sum(step) over (order by position) as time
               from log.events, lateral (values ((array['0', '20 min', '0', '39 min 59.999999 s', '0.000001 s', '1 hour',
                                                        '5 hours', '18 hours', '0', '3 days', '12 days 7 min']::interval[])
                                                [1 + position % 11])) steps (step)) placed
         where placed.position = events.position",
    )
    .execute(hub.pool())
    .await
    .unwrap();
    hub.project_anew().await;
}

#[tokio::test]
async fn at_every_moment_the_statistics_are_those_of_the_tickets_as_they_were() {
    let mut hub = busy_log().await;
    spread_out(&mut hub).await;
    let head = hub.head().await;
    for position in 0..=head.0 + 1 {
        let through = Position(position).min(head);
        let expected = (counted(&hub, through).await, through);
        assert_eq!(statistics(&hub, Moment::Position(Position(position))).await, expected, "{position}");
    }
    let mut times = vec![];
    for position in 1..=head.0 {
        times.push((position, recorded_at(&hub, position).await));
    }
    for (_, time) in &times {
        for moment in [*time - TimeDelta::microseconds(1), *time, *time + TimeDelta::microseconds(1)] {
            let until = times.iter().take_while(|(_, time)| *time <= moment).last();
            let through = Position(until.map_or(0, |(position, _)| *position));
            let expected = (counted(&hub, through).await, through);
            assert_eq!(statistics(&hub, Moment::Time(moment)).await, expected, "{moment}");
        }
    }
}

/// As if all that has happened had happened so many hours ago: in the log, and in the counters that were summed from it.
async fn make_older(hub: &Hub, hours: i32) {
    for statement in [
        "alter table log.events disable trigger events_are_append_only".to_owned(),
        format!("update log.events set recorded_at = recorded_at - interval '{hours} hours'"),
        format!("update projector.statistics set at = at - interval '{hours} hours' where grain = 'change'"),
        "delete from projector.statistics where grain = 'change-day'".to_owned(),
        "insert into projector.statistics (grain, at, dimension, label, other, count)
         select 'change-day', date_trunc('day', at, 'UTC'), dimension, label, other, sum(count)
         from projector.statistics where grain = 'change' group by 2, 3, 4, 5"
            .to_owned(),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(hub.pool()).await.unwrap();
    }
}

#[tokio::test]
async fn whole_hours_of_the_past_are_not_folded_again() {
    // The counters of the same day, and of a day before: once nearer to the beginning, once to the end.
    for hours in [3, 50] {
        let hub = busy_log().await;
        let (then, head) = (kept(&hub).await, hub.head().await);
        make_older(&hub, hours).await;
        hub.submit(6, ADA, "Cloud").await;
        hub.settled().await;
        for ago in [1, hours - 1] {
            let moment = Moment::Time(clock::now() - TimeDelta::hours(ago.into()));
            assert_eq!(statistics(&hub, moment).await, (then.clone(), head), "{hours} {ago}");
        }
        assert_eq!(statistics(&hub, Moment::Time(clock::now())).await.0, kept(&hub).await, "{hours}");
    }
}
