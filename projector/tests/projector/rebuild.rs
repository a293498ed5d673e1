//! Made anew from the log: beside the live read model, equal to it, and without anyone noticing.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use local_stack::testing::eventually;
use projector::{
    drift::{self, Drift},
    projection::{
        contract::{Contract, PROJECTIONS, SEARCH, STATISTICS, TIMELINE, named},
        erasure::erase,
    },
    rebuild::{Busy, Ended, Pace, Rebuild, Step, Stopped, digest::Comparison, outdated, place::Place},
    upgrade::bring_up_to_date,
};
use schemas::Position;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    deeds::ADA,
    events::LABELS,
    hub::{Hub, ticket_id},
    projection::{busy_log, read_model},
};

/// Two tickets at a time, so that even few tickets are many portions.
const SMALL: Pace = Pace { workers: 2, portion: 2, rest: 0.0 };

impl Hub {
    pub(crate) fn rebuild(&self) -> Rebuild {
        Rebuild::new(self.services.clone(), self.keys.clone(), SMALL, CancellationToken::new())
    }
}

async fn build(rebuild: &Rebuild, place: Place, projections: &[&'static Contract]) {
    let ended = rebuild.build(place, projections, &|_| {}).await.unwrap();
    assert!(matches!(ended, Ended::Built(_)), "{ended:?}");
}

/// Makes everything anew and puts it in the place of the live one.
pub(crate) async fn exchange_all(hub: &Hub) {
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    rebuild.exchange(Place::Next).await.unwrap();
}

async fn compare(rebuild: &Rebuild) -> Comparison {
    rebuild.compare(Place::Next, &|_| {}).await.unwrap()
}

/// What a read model made anew says to the live one.
pub(crate) async fn compared(hub: &Hub) -> Comparison {
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    compare(&rebuild).await
}

/// Where the tables are that readers see: the exchange brings other ones.
async fn live_table(hub: &Hub, table: &str) -> i64 {
    sqlx::query_scalar("select $1::regclass::oid::bigint")
        .bind(format!("projector.{table}"))
        .fetch_one(hub.pool())
        .await
        .unwrap()
}

/// Every row, the time of the first projection included.
async fn everything(hub: &Hub) -> Vec<Value> {
    let mut rows = read_model(hub).await;
    let times = "select to_jsonb(t) from projector.timeline t order by ticket_id, version";
    rows.extend(sqlx::query_scalar::<_, Value>(times).fetch_all(hub.pool()).await.unwrap());
    rows
}

#[tokio::test]
async fn made_anew_it_is_the_same_down_to_its_indexes() {
    let hub = busy_log().await;
    let (before, indexes) = (everything(&hub).await, indexes(&hub).await);
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    let comparison = compare(&rebuild).await;
    assert!(comparison.is_equal(), "{comparison:?}");
    assert_eq!(comparison.projections.len(), PROJECTIONS.len());
    let table = live_table(&hub, "tickets").await;
    assert_eq!(rebuild.exchange(Place::Next).await.unwrap(), hub.head().await);
    assert_ne!(live_table(&hub, "tickets").await, table, "other tables");
    assert_eq!(everything(&hub).await, before);
    assert_eq!(self::indexes(&hub).await, indexes);
}

#[tokio::test]
async fn counters_that_are_read_together_are_written_together() {
    let hub = busy_log().await;
    build(&hub.rebuild(), Place::Next, &[&STATISTICS]).await;
    let cells = "select row_number() over (order by grain, dimension, at, label, other)
                 from projector_next.statistics order by ctid";
    let order: Vec<i64> = sqlx::query_scalar(cells).fetch_all(hub.pool()).await.unwrap();
    assert!(order.len() > 100 && order.is_sorted(), "{order:?}");
}

/// Keys, indexes, checks and storage of the live tables, and which columns nobody looks at.
async fn indexes(hub: &Hub) -> Vec<String> {
    sqlx::query_scalar(
        "select indexdef from pg_indexes where schemaname = 'projector' and tablename <> 'versions'
         union all
         select conrelid::regclass || conname || pg_get_constraintdef(oid) from pg_constraint
         where connamespace = 'projector'::regnamespace
         union all
         select relname || array_to_string(reloptions, ',') from pg_class
         where relnamespace = 'projector'::regnamespace and reloptions is not null
         union all
         select relname || '.' || attname from pg_attribute join pg_class on pg_class.oid = attrelid
         where relnamespace = 'projector'::regnamespace and attstattarget = 0
         order by 1",
    )
    .fetch_all(hub.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn what_happens_during_a_rebuild_is_in_it() {
    let hub = busy_log().await;
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    hub.submit(6, ADA, "Cloud").await;
    hub.analyze(6, ADA, LABELS).await;
    hub.resolve(1, "Replaced it again.").await;
    hub.settled().await;
    let live = everything(&hub).await;
    rebuild.exchange(Place::Next).await.unwrap();
    assert_eq!(everything(&hub).await, live);
    hub.close(1).await;
    hub.submit(7, ADA, "Cloud").await;
    hub.settled().await;
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    let comparison = compare(&rebuild).await;
    assert!(comparison.is_equal(), "the live projection goes on in the new tables: {comparison:?}");
}

#[tokio::test]
async fn readers_never_see_less_than_before() {
    let hub = busy_log().await;
    let rebuild = hub.rebuild();
    let stop = AtomicBool::new(false);
    let reader = async {
        let mut reads = 0;
        while !stop.load(Ordering::Relaxed) {
            let list = hub.data("/api/tickets").await;
            assert_eq!(list.as_array().unwrap().len(), 5);
            reads += 1;
        }
        reads
    };
    let writer = async {
        for _ in 0..3 {
            build(&rebuild, Place::Next, &PROJECTIONS).await;
            rebuild.exchange(Place::Next).await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (reads, ()) = tokio::join!(reader, writer);
    assert!(reads > 3, "{reads} reads");
}

#[tokio::test]
async fn a_rebuild_that_was_stopped_goes_on_where_it_was() {
    let hub = busy_log().await;
    let stop = CancellationToken::new();
    let alone = Pace { workers: 1, ..SMALL };
    let rebuild = Rebuild::new(hub.services.clone(), hub.keys.clone(), alone, stop.clone());
    let stop_after_the_first = |step| {
        if let Step::Portions { done: 1, .. } = step {
            stop.cancel();
        }
    };
    let ended = rebuild.build(Place::Next, &PROJECTIONS, &stop_after_the_first).await.unwrap();
    assert_eq!(ended, Ended::Cancelled);
    assert!(rebuild.exchange(Place::Next).await.is_err(), "half a read model never becomes the live one");
    let steps = Mutex::new(vec![]);
    let rebuild = hub.rebuild();
    let ended = rebuild.build(Place::Next, &PROJECTIONS, &|step| steps.lock().unwrap().push(step)).await;
    assert!(matches!(ended.unwrap(), Ended::Built(_)));
    assert_eq!(steps.lock().unwrap()[0], Step::Portions { done: 1, of: 3 });
    let comparison = compare(&rebuild).await;
    assert!(comparison.is_equal(), "{comparison:?}");
}

#[tokio::test]
async fn a_rebuild_that_is_stopped_after_its_last_portion_becomes_live_no_more() {
    let hub = busy_log().await;
    let stop = CancellationToken::new();
    let rebuild = hub.rebuild().until(stop.clone());
    let stop_at_the_indexes = |step| {
        if step == Step::Indexes {
            stop.cancel();
        }
    };
    let ended = rebuild.build(Place::Next, &PROJECTIONS, &stop_at_the_indexes).await.unwrap();
    assert_eq!(ended, Ended::Cancelled);
    let table = live_table(&hub, "tickets").await;
    assert!(hub.rebuild().exchange(Place::Next).await.is_err(), "it has no indexes yet");
    let steps = Mutex::new(vec![]);
    let goes_on = hub.rebuild();
    let ended = goes_on.build(Place::Next, &PROJECTIONS, &|step| steps.lock().unwrap().push(step)).await;
    assert!(matches!(ended.unwrap(), Ended::Built(_)));
    let first = steps.lock().unwrap()[0];
    assert!(matches!(first, Step::Portions { done, of } if done == of), "{first:?}");
    assert!(rebuild.compare(Place::Next, &|_| {}).await.unwrap_err().is::<Stopped>());
    assert!(rebuild.exchange(Place::Next).await.unwrap_err().is::<Stopped>());
    assert!(rebuild.tickets(&[ticket_id(1)]).await.unwrap_err().is::<Stopped>());
    assert_eq!(live_table(&hub, "tickets").await, table);
    hub.rebuild().exchange(Place::Next).await.unwrap();
    assert_ne!(live_table(&hub, "tickets").await, table, "it was whole, and may become live later");
}

#[tokio::test]
async fn what_was_live_of_one_stage_outlives_the_exchange_of_the_other() {
    let hub = busy_log().await;
    note_versions(&hub).await;
    note_version(&hub, &SEARCH).await;
    let rebuild = hub.rebuild();
    let before = (live_table(&hub, "search").await, live_table(&hub, "tickets").await);
    for stage in [&[&SEARCH][..], &PROJECTIONS] {
        build(&rebuild, Place::Next, stage).await;
        rebuild.exchange(Place::Next).await.unwrap();
    }
    hub.submit(6, ADA, "Cloud").await;
    hub.settled().await;
    let (rows, words_now) = (everything(&hub).await, words(&hub).await);
    for place in [Place::PreviousSearch, Place::Previous] {
        rebuild.exchange(place).await.unwrap();
    }
    assert_eq!((live_table(&hub, "search").await, live_table(&hub, "tickets").await), before);
    assert_eq!((everything(&hub).await, words(&hub).await), (rows, words_now));
}

#[tokio::test]
async fn what_was_live_comes_back_with_all_that_happened_since() {
    let hub = busy_log().await;
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    let old = live_table(&hub, "tickets").await;
    note_versions(&hub).await;
    rebuild.exchange(Place::Next).await.unwrap();
    hub.submit(6, ADA, "Cloud").await;
    hub.close(2).await;
    hub.settled().await;
    let live = everything(&hub).await;
    rebuild.exchange(Place::Previous).await.unwrap();
    assert_eq!(live_table(&hub, "tickets").await, old);
    assert_eq!(everything(&hub).await, live);
    rebuild.exchange(Place::Previous).await.unwrap();
    assert_ne!(live_table(&hub, "tickets").await, old, "and forth again");
    assert_eq!(everything(&hub).await, live);
}

/// As the service does on an empty database.
async fn note_versions(hub: &Hub) {
    for contract in PROJECTIONS {
        note_version(hub, contract).await;
    }
}

async fn note_version(hub: &Hub, contract: &Contract) {
    sqlx::query("insert into projector.versions (projection, version, through) values ($1, $2, 0)")
        .bind(contract.name)
        .bind(contract.version)
        .execute(hub.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn one_projection_is_made_anew_without_the_others() {
    let hub = busy_log().await;
    let before = everything(&hub).await;
    sqlx::raw_sql("update projector.statistics set count = count + 1").execute(hub.pool()).await.unwrap();
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &[&STATISTICS]).await;
    let comparison = compare(&rebuild).await;
    assert!(!comparison.is_equal());
    let tickets = live_table(&hub, "tickets").await;
    rebuild.exchange(Place::Next).await.unwrap();
    assert_eq!(everything(&hub).await, before);
    assert_eq!(live_table(&hub, "tickets").await, tickets, "the tickets stay where they are");
    hub.submit(6, ADA, "Cloud").await;
    hub.settled().await;
    assert_eq!(hub.data("/api/tickets").await.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn words_are_made_anew_while_they_are_searched() {
    let hub = busy_log().await;
    let (before, indexes) = (words(&hub).await, indexes(&hub).await);
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &[&SEARCH]).await;
    hub.submit(6, ADA, "Cloud").await;
    hub.analyze(6, ADA, LABELS).await;
    hub.settled().await;
    let comparison = compare(&rebuild).await;
    assert!(comparison.is_equal(), "{comparison:?}");
    assert_eq!(comparison.projections[0].anew.rows, 6);
    let (table, tickets) = (live_table(&hub, "search").await, live_table(&hub, "tickets").await);
    let stop = AtomicBool::new(false);
    let searcher = async {
        while !stop.load(Ordering::Relaxed) {
            let found = hub.data("/api/tickets?q=grace@example.com").await;
            assert_eq!(found.as_array().unwrap().len(), 4);
        }
    };
    let exchange = async {
        let position = rebuild.exchange(Place::Next).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        position
    };
    assert_eq!(tokio::join!(searcher, exchange).1, hub.head().await);
    assert_ne!(live_table(&hub, "search").await, table);
    assert_eq!(live_table(&hub, "tickets").await, tickets, "nothing else is touched");
    assert_eq!(words(&hub).await[..5], before);
    assert_eq!(self::indexes(&hub).await, indexes);
    hub.submit(7, "grace@example.com", "Cloud").await;
    hub.settled().await;
    assert_eq!(hub.data("/api/tickets?q=grace@example.com").await.as_array().unwrap().len(), 5);
}

async fn words(hub: &Hub) -> Vec<Value> {
    let query = "select to_jsonb(s) from projector.search s order by number";
    sqlx::query_scalar(query).fetch_all(hub.pool()).await.unwrap()
}

#[tokio::test]
async fn words_that_a_hand_was_in_are_found_and_made_anew() {
    let hub = busy_log().await;
    let before = words(&hub).await;
    sqlx::raw_sql("update projector.search set words = '' where number = 4")
        .execute(hub.pool())
        .await
        .unwrap();
    let found = drift::check(&hub.rebuild()).await.unwrap().unwrap();
    let differing = found.projections.iter().filter(|one| one.live != one.anew);
    assert_eq!(differing.map(|one| one.projection.name).collect::<Vec<_>>(), ["search"]);
    hub.rebuild().tickets(&[ticket_id(2)]).await.unwrap();
    assert_eq!(words(&hub).await, before);
}

#[tokio::test]
async fn the_stems_are_those_of_the_latest_language_only() {
    let stems = "select projector.with_stems('de', projector.with_stems('en', to_tsvector('simple', 'printers drucken')))
                 = projector.with_stems('de', to_tsvector('simple', 'printers drucken'))";
    let hub = Hub::without_projection().await;
    assert!(sqlx::query_scalar::<_, bool>(stems).fetch_one(hub.pool()).await.unwrap());
}

#[tokio::test]
async fn what_is_made_anew_alone_takes_no_event_from_the_others() {
    let mut hub = busy_log().await;
    hub.stop_projection().await;
    let projected = hub.head().await;
    hub.submit(6, ADA, "Cloud").await;
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &[&STATISTICS]).await;
    assert_eq!(rebuild.exchange(Place::Next).await.unwrap(), projected, "no further than the live tickets");
    hub.start_projection();
    hub.settled().await;
    assert_eq!(hub.data("/api/tickets").await.as_array().unwrap().len(), 6);
    assert!(drift::check(&rebuild).await.unwrap().unwrap().is_equal());
}

#[tokio::test]
async fn a_hand_in_the_tables_is_found_and_a_ticket_is_made_anew() {
    let hub = busy_log().await;
    let before = everything(&hub).await;
    let rebuild = hub.rebuild();
    assert!(drift::check(&rebuild).await.unwrap().unwrap().is_equal());
    sqlx::raw_sql("update projector.tickets set priority = 'Low' where number = 4")
        .execute(hub.pool())
        .await
        .unwrap();
    let found = drift::check(&rebuild).await.unwrap().unwrap();
    assert!(!found.is_equal());
    assert_eq!(found.tickets, [ticket_id(2).to_string()]);
    rebuild.tickets(&[ticket_id(2)]).await.unwrap();
    assert_eq!(everything(&hub).await, before);
    sqlx::raw_sql("update projector.tickets set priority = 'Low'").execute(hub.pool()).await.unwrap();
    rebuild.tickets(&rebuild.touched_since(Position(1)).await.unwrap()).await.unwrap();
    assert_eq!(everything(&hub).await, before);
    assert!(drift::check(&rebuild).await.unwrap().unwrap().is_equal());
}

#[tokio::test]
async fn combinations_of_labels_are_made_anew_with_the_tickets() {
    let hub = busy_log().await;
    let list = "/api/tickets?status=open&priority=High";
    let before = hub.data(list).await;
    assert!(!before.as_array().unwrap().is_empty());
    sqlx::query("delete from projector.label_sets").execute(hub.pool()).await.unwrap();
    assert_eq!(hub.data(list).await, json!([]));
    let found = drift::check(&hub.rebuild()).await.unwrap().unwrap();
    let differing = found.projections.iter().filter(|compared| compared.live != compared.anew);
    assert_eq!(differing.map(|compared| compared.projection.name).collect::<Vec<_>>(), ["tickets"]);
    assert_eq!(hub.data(list).await, json!([]), "comparing mends nothing");
    exchange_all(&hub).await;
    assert_eq!(hub.data(list).await, before);
}

#[tokio::test]
async fn an_erased_requester_is_gone_wherever_a_read_model_stands() {
    let mut hub = busy_log().await;
    let rebuild = hub.rebuild();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    rebuild.exchange(Place::Next).await.unwrap();
    build(&rebuild, Place::Next, &[&SEARCH]).await;
    rebuild.exchange(Place::Next).await.unwrap();
    build(&rebuild, Place::Next, &PROJECTIONS).await;
    let grace = hub.keys.requester_id("grace@example.com");
    sqlx::query("delete from personal.requester_keys where requester_id = $1")
        .bind(grace.as_str())
        .execute(hub.pool())
        .await
        .unwrap();
    erase(&mut hub.pool().acquire().await.unwrap(), &grace).await.unwrap();
    for schema in ["projector", "projector_next", "projector_previous"] {
        let query = format!(
            "select (select count(*) from {schema}.tickets where coalesce(name, email, description, summary) is not null
                     or entities is not null), (select count(*) from {schema}.embeddings)"
        );
        let left: (i64, i64) =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_one(hub.pool()).await.unwrap();
        assert_eq!(left, (1, 1), "{schema}: Ada's ticket only");
    }
    for schema in ["projector", "projector_previous_search"] {
        let query = sqlx::AssertSqlSafe(format!("select ticket_id from {schema}.search"));
        let searchable: Vec<String> = sqlx::query_scalar(query).fetch_all(hub.pool()).await.unwrap();
        assert_eq!(searchable, [ticket_id(1).to_string()], "{schema}");
    }
    hub.forget_keys().await;
    let found = drift::check(&hub.rebuild()).await.unwrap().unwrap();
    assert!(found.is_equal(), "as if it had never been known: {found:?}");
}

#[tokio::test]
async fn one_rebuild_at_a_time() {
    let hub = Hub::start().await;
    let first = hub.rebuild().turn().await.unwrap();
    assert!(hub.rebuild().turn().await.unwrap_err().is::<Busy>());
    drop(first);
    while hub.rebuild().turn().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_check_gives_way_to_whoever_wants_the_turn() {
    let mut hub = busy_log().await;
    hub.stop_projection().await;
    hub.submit(6, ADA, "Cloud").await;
    // Waits for the projection, which does not come.
    let (checking, operator) = (hub.rebuild(), hub.rebuild());
    let check = drift::check(&checking);
    let heard = Mutex::new(vec![]);
    let wants = async {
        while !is_standing(&hub, Place::Shadow).await {
            tokio::task::yield_now().await;
        }
        operator
            .turn_within(Duration::from_secs(20), &|busy| heard.lock().unwrap().push(busy.who.clone()))
            .await
    };
    let (found, turn) = tokio::join!(check, wants);
    assert!(found.unwrap().is_none());
    turn.unwrap();
    assert!(heard.lock().unwrap()[0].starts_with("service, session "), "{heard:?}");
    assert!(!is_standing(&hub, Place::Shadow).await, "nothing is left of it");
}

async fn is_standing(hub: &Hub, place: Place) -> bool {
    hub.rebuild().standing(place).await.unwrap().is_some()
}

#[tokio::test]
async fn the_last_check_outlives_the_process() {
    let hub = busy_log().await;
    note_versions(&hub).await;
    note_version(&hub, &SEARCH).await;
    let first = found_by_a_new_process(&hub, &Value::Null).await;
    assert_eq!((&first["equal"], &first["drifted"]), (&json!(true), &json!([])), "{first}");
    assert_eq!(found_by_a_new_process(&hub, &Value::Null).await, first, "it is not checked again");
    let later = "update projector.last_drift_check set finished_at = finished_at - interval '1 hour'";
    sqlx::raw_sql(later).execute(hub.pool()).await.unwrap();
    sqlx::raw_sql("update projector.search set words = ''").execute(hub.pool()).await.unwrap();
    let second = found_by_a_new_process(&hub, &first).await;
    assert_eq!(second["drifted"], json!(["search"]));
}

/// What a projector that was just started has found when it is stopped: as soon as it shows something else than `shown`.
async fn found_by_a_new_process(hub: &Hub, shown: &Value) -> Value {
    let (drift, stop) = (Drift::default(), CancellationToken::new());
    let stops = async {
        eventually("a report", async || ![&Value::Null, shown].contains(&&drift.report())).await;
        stop.cancel();
    };
    // A starved machine may refuse a connection, and then it checks again.
    let every = Duration::from_secs(20);
    let watches = drift::watch(hub.rebuild(), every, drift.clone(), stop.clone());
    tokio::join!(stops, watches).1.unwrap();
    drift.report()
}

#[tokio::test]
async fn tables_of_an_older_version_are_made_anew_at_the_start() {
    let hub = busy_log().await;
    let before = everything(&hub).await;
    sqlx::raw_sql("delete from projector.statistics; delete from projector.requesters")
        .execute(hub.pool())
        .await
        .unwrap();
    note_version(&hub, &TIMELINE).await;
    let stale = outdated(hub.pool(), &PROJECTIONS).await.unwrap();
    let stale: Vec<_> = stale.iter().map(|contract| contract.name).collect();
    assert_eq!(stale, ["tickets", "last-changes", "statistics", "requesters", "similar"]);
    let rebuild = hub.rebuild();
    bring_up_to_date(&hub.services, &rebuild, &PROJECTIONS, &hub.progress, &CancellationToken::new()).await;
    assert!(outdated(hub.pool(), &PROJECTIONS).await.unwrap().is_empty());
    assert_eq!(everything(&hub).await, before);
}

#[tokio::test]
async fn a_long_log_that_nothing_is_projected_of_is_projected_at_once() {
    let hub = Hub::without_projection().await;
    hub.submit(1, ADA, "Cloud").await;
    // Of a type this build does not know.
    let more = "insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
                select n, 'tkt_' || lpad(n::text, 26, '0'), 1, gen_random_uuid(), 'hub.ticket.unknown.v1', '{}', metadata,
                       recorded_at
                from log.events, generate_series(2, 20001) n where position = 1";
    sqlx::raw_sql(more).execute(hub.pool()).await.unwrap();
    let stop = CancellationToken::new();
    let rebuild = Rebuild::new(hub.services.clone(), hub.keys.clone(), Pace::FAST, stop.clone());
    for projections in [&PROJECTIONS[..], &[&SEARCH]] {
        bring_up_to_date(&hub.services, &rebuild, projections, &hub.progress, &stop).await;
        assert!(outdated(hub.pool(), projections).await.unwrap().is_empty());
    }
    let made = "select (select count(*) from projector.tickets), (select count(*) from projector.timeline),
                       (select count(*) from projector.search),
                       (select min(position) from subscription.checkpoints where name like 'projector-%')";
    let made: (i64, i64, i64, i64) = sqlx::query_as(made).fetch_one(hub.pool()).await.unwrap();
    assert_eq!(made, (1, 20_001, 1, 20_001));
}

#[tokio::test]
async fn an_empty_database_needs_no_rebuild() {
    let hub = Hub::without_projection().await;
    hub.submit(1, ADA, "Cloud").await;
    bring_up_to_date(&hub.services, &hub.rebuild(), &PROJECTIONS, &hub.progress, &CancellationToken::new())
        .await;
    assert!(outdated(hub.pool(), &PROJECTIONS).await.unwrap().is_empty());
    let previous: i64 =
        sqlx::query_scalar("select count(*) from projector.builds").fetch_one(hub.pool()).await.unwrap();
    assert_eq!(previous, 0);
}

#[test]
fn projections_have_names() {
    let names = |name| named(name).map(|found| found.concat().iter().map(|one| one.name).collect::<Vec<_>>());
    assert_eq!(names("all").unwrap().len(), 7);
    assert_eq!((names("journey"), names("search")), (Some(vec!["timeline"]), Some(vec!["search"])));
    assert_eq!(json!(names("ticket")), Value::Null);
}
