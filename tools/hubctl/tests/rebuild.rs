//! `hubctl rebuild`, from the outside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use event_store::{MasterKeys, PersonalKeys};
use projector::{
    projection::{
        STAGE, Tickets,
        contract::{PROJECTIONS, SEARCH},
        search::{self, Search},
    },
    rebuild::note_fresh,
};
use schemas::Position;
use subscription::{Progress, Projection as _};
use support::Hub;

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
    desk.rebuild(&["--from", "3"]).await.says("made anew: 5 tickets");
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
        .refuses("must be one of tickets, timeline, statistics, requesters, similar, search");
    desk.rebuild(&["--rollback"]).await.refuses("nothing stands there");
    desk.rebuild(&["--ticket", "4711"]).await.refuses("not a ticket id");
}
