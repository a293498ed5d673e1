//! `hubctl rebuild`, from the outside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use std::time::Duration;

use event_store::{MasterKeys, PersonalKeys};
use projector::{
    projection::{
        STAGE, Tickets,
        contract::{PROJECTIONS, SEARCH},
        search::{self, Search},
    },
    rebuild::{Pace, Rebuild, note_fresh},
};
use schemas::{Position, TicketId};
use subscription::{Progress, Projection as _};
use support::Hub;
use tokio_util::sync::CancellationToken;

struct Desk {
    hub: Hub,
    key_file: String,
    _dir: tempfile::TempDir,
}

impl Desk {
    /// A hub with a log of 7 events that its projector has projected.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key_file = dir.path().join("master.key").to_str().unwrap().to_owned();
        let hub = Hub::start().await;
        assert!(hub.hubctl(&["keys", "create", &key_file]).await.ok);
        let desk = Self { hub, key_file, _dir: dir };
        desk.hub.append(1..=7).await;
        desk.project().await;
        desk
    }

    async fn project(&self) {
        let master = MasterKeys::from_file(self.key_file.as_ref()).unwrap();
        let pool = self.hub.store.pool();
        let keys = PersonalKeys::open(pool.clone(), master).await.unwrap();
        note_fresh(pool, &PROJECTIONS).await.unwrap();
        note_fresh(pool, &[&SEARCH]).await.unwrap();
        let events = self.hub.store.read_all(Position::START, 100).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        Tickets::new(keys.clone()).apply(&mut connection, &events).await.unwrap();
        Search::new(keys, Progress::new(STAGE)).apply(&mut connection, &events).await.unwrap();
        sqlx::query(
            "insert into subscription.checkpoints (name, position)
             select stage, position from log.head, unnest($1::text[]) stage",
        )
        .bind([STAGE, search::STAGE])
        .execute(pool)
        .await
        .unwrap();
    }

    async fn rebuild(&self, args: &[&str]) -> support::Answer {
        let args = [&["rebuild", "--master-key-file", &self.key_file], args].concat();
        self.hub.hubctl(&args).await
    }

    /// As long as `question` is answered with no.
    async fn until(&self, question: &'static str) {
        while !sqlx::query_scalar::<_, bool>(question).fetch_one(self.hub.store.pool()).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn execute(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(self.hub.store.pool()).await.unwrap();
    }

    /// Where the tables of words and of tickets are that readers see.
    async fn live_tables(&self) -> (i64, i64) {
        let query =
            "select 'projector.search'::regclass::oid::bigint, 'projector.tickets'::regclass::oid::bigint";
        sqlx::query_as(query).fetch_one(self.hub.store.pool()).await.unwrap()
    }

    async fn actors(&self) -> Vec<String> {
        sqlx::query_scalar("select distinct actor from projector.timeline order by 1")
            .fetch_all(self.hub.store.pool())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_read_model_is_compared_made_anew_and_taken_back() {
    let desk = Desk::start().await;
    let answer = desk.rebuild(&["--shadow"]).await;
    answer.says("timeline     equal    7 rows");
    answer.says("search       equal    0 rows");
    sqlx::raw_sql("update projector.timeline set actor = 'mallory'")
        .execute(desk.hub.store.pool())
        .await
        .unwrap();
    desk.rebuild(&["timeline", "--shadow"]).await.refuses("timeline     DIFFERS");
    assert_eq!(desk.actors().await, ["mallory"], "comparing changes nothing");
    desk.rebuild(&["journey"]).await.says("live since position 7");
    assert_eq!(desk.actors().await, ["test"]);
    desk.rebuild(&["--rollback"]).await.says("the previous read model is live again, up to position 7");
    assert_eq!(desk.actors().await, ["mallory"]);
    let answer = desk.rebuild(&["--from", "3"]).await;
    answer.says("made anew: 5 tickets");
    answer.says("hubctl rebuild statistics");
    assert_eq!(desk.actors().await, ["mallory", "test"]);
}

#[tokio::test]
async fn a_rebuild_tells_nobody() {
    let desk = Desk::start().await;
    desk.hub.relay().await;
    let before = (desk.hub.bus.tail().await.unwrap(), desk.hub.head().await);
    desk.rebuild(&[]).await.says("live since position 7");
    desk.rebuild(&["--rollback"]).await.says("live again");
    assert_eq!((desk.hub.bus.tail().await.unwrap(), desk.hub.head().await), before);
}

#[tokio::test]
async fn both_stages_are_taken_back() {
    let desk = Desk::start().await;
    let (words, tickets) = desk.live_tables().await;
    desk.rebuild(&[]).await.says("live since position 7");
    let (other_words, other_tickets) = desk.live_tables().await;
    assert!(other_words != words && other_tickets != tickets);
    let answer = desk.rebuild(&["--rollback"]).await;
    answer.says("the previous read model is live again, up to position 7: search\n");
    answer.says("up to position 7: tickets, last-changes, timeline, statistics, requesters, similar\n");
    assert_eq!(desk.live_tables().await, (words, tickets));
    desk.rebuild(&["statistics"]).await.says("live since position 7");
    desk.rebuild(&["--rollback"]).await.says("up to position 7: statistics\n");
    assert_eq!(desk.live_tables().await, (other_words, tickets), "the words go forth again");
}

#[tokio::test]
async fn an_interrupted_rebuild_exchanges_nothing_more_and_says_what_it_exchanged() {
    let desk = Desk::start().await;
    let (words, tickets) = desk.live_tables().await;
    desk.hub.append([8]).await;
    desk.execute("update subscription.checkpoints set position = 8 where name = 'projector-search'").await;
    let args = ["rebuild", "--master-key-file", &desk.key_file];
    let compares = desk.until(
        "select exists (select from projector.builds
                        where 'tickets' = any(projections) and through = 8 and finished_at is not null)",
    );
    let answer = desk.hub.hubctl_interrupted(&args, compares).await;
    answer.refuses("stopped; live already: search;");
    let (other_words, same_tickets) = desk.live_tables().await;
    assert!(other_words != words && same_tickets == tickets);
    desk.execute("update subscription.checkpoints set position = 8").await;
    let answer = desk.rebuild(&[]).await;
    assert!(
        answer.out.find("timeline").unwrap() < answer.out.find("search").unwrap(),
        "what was begun goes on"
    );
}

#[tokio::test]
async fn a_comparison_leaves_nothing_behind_however_it_ends() {
    let desk = Desk::start().await;
    let shadow = "select exists (select from pg_tables where schemaname = 'projector_shadow')
                  or exists (select from projector.builds)";
    let nothing_stands = async || {
        let stands: bool = sqlx::query_scalar(shadow).fetch_one(desk.hub.store.pool()).await.unwrap();
        assert!(!stands);
    };
    desk.hub.append([8]).await;
    let args = ["rebuild", "search", "--shadow", "--master-key-file", &desk.key_file];
    let compares = desk.until("select exists (select from projector.builds where finished_at is not null)");
    desk.hub.hubctl_interrupted(&args, compares).await.refuses("stopped; nothing was changed");
    nothing_stands().await;
    desk.execute(
        "insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
         select 9, stream_id, 2, gen_random_uuid(), 'hub.ticket.submitted.v1', '{}', metadata, recorded_at
         from log.events where position = 8",
    )
    .await;
    desk.rebuild(&["--shadow"]).await.refuses("hub.ticket.submitted.v1");
    nothing_stands().await;
}

#[tokio::test]
async fn one_ticket_is_made_anew_by_id_or_number() {
    let desk = Desk::start().await;
    let ticket = TicketId::new(3.into()).to_string();
    for name in [ticket.as_str(), "3"] {
        desk.execute("update projector.timeline set actor = 'mallory'").await;
        desk.rebuild(&["--ticket", name]).await.says("made anew: 1 ticket;");
        assert_eq!(desk.actors().await, ["mallory", "test"]);
    }
}

#[tokio::test]
async fn whoever_waits_for_the_turn_hears_whose_it_is() {
    let desk = Desk::start().await;
    let master = MasterKeys::from_file(desk.key_file.as_ref()).unwrap();
    let pool = desk.hub.store.pool();
    let keys = PersonalKeys::open(pool.clone(), master).await.unwrap();
    let other = Rebuild::new(pool.clone(), keys, Pace::FAST, CancellationToken::new());
    let turn = other.turn().await.unwrap();
    let lets_go = async {
        desk.until("select count(*) > 1 from pg_locks where locktype = 'advisory' and granted").await;
        drop(turn);
    };
    let (answer, ()) = tokio::join!(desk.rebuild(&["--shadow"]), lets_go);
    answer.says("equal");
    assert!(answer.err.contains("for another rebuild on this database: test, session "), "{answer:?}");
}

#[tokio::test]
async fn a_rebuild_that_is_killed_anywhere_goes_on_where_it_was() {
    let desk = Desk::start().await;
    let args = ["rebuild", "--master-key-file", &desk.key_file];
    for place in ["rebuild.copied", "rebuild.portion", "rebuild.indexed", "rebuild.exchanged"] {
        assert!(!desk.hub.hubctl_killed_at(place, &args).await.ok, "{place}");
        assert_eq!(desk.actors().await, ["test"], "{place}: the live read model is as it was");
    }
    let answer = desk.rebuild(&[]).await;
    answer.says("timeline     equal    7 rows");
    answer.says("live since position 7");
}

#[tokio::test]
async fn what_cannot_be_rebuilt_is_said() {
    let desk = Desk::start().await;
    desk.rebuild(&["tickest"])
        .await
        .refuses("must be one of tickets, last-changes, timeline, statistics, requesters, similar, search");
    desk.rebuild(&["--rollback"]).await.refuses("no previous read model to go back to");
    desk.rebuild(&["--ticket", "4711"]).await.refuses("the log has no ticket 4711");
    let unknown = TicketId::new(4711.into()).to_string();
    desk.rebuild(&["--ticket", &unknown]).await.refuses(&format!("the log has no ticket {unknown}"));
    desk.rebuild(&["--ticket", "+3"]).await.refuses("tkt_");
    for position in ["-5", "0"] {
        desk.rebuild(&["--from", position]).await.refuses("--from");
    }
}
