//! `hubctl keys` against a real database and a real key file.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use event_store::{MasterKeys, PersonalKeys};
use futures::future::join_all;
use schemas::{EventId, RequesterId};
use support::Hub;
use tempfile::TempDir;
use uuid::Uuid;

/// A hub with a key file and a process that uses it.
struct World {
    hub: Hub,
    service: PersonalKeys,
    _dir: TempDir,
    file: String,
}

impl World {
    async fn start() -> Self {
        let (hub, dir) = (Hub::start().await, tempfile::tempdir().unwrap());
        let file = dir.path().join("master.key").to_str().unwrap().to_owned();
        hub.hubctl(&["keys", "create", &file]).await.says("made the master key");
        let keys = MasterKeys::from_file(file.as_ref()).unwrap();
        let service = PersonalKeys::open(hub.store.pool().clone(), keys).await.unwrap();
        Self { hub, service, _dir: dir, file }
    }

    async fn requesters(&self, count: usize) -> Vec<RequesterId> {
        let ids: Vec<_> = (0..count).map(|n| self.service.requester_id(&n.to_string())).collect();
        // As many at a time as there are connections: nobody waits for one beyond the limit of the pool.
        for some in ids.chunks(5) {
            for key in join_all(some.iter().map(|id| self.service.key_for(id))).await {
                key.unwrap();
            }
        }
        ids
    }

    async fn keys(&self, args: &[&str]) -> support::Answer {
        self.hub.hubctl(&[&["keys"], args, &["--file", &self.file]].concat()).await
    }

    fn keys_in_the_file(&self) -> usize {
        MasterKeys::from_file(self.file.as_ref()).unwrap().all().len()
    }
}

#[tokio::test]
async fn a_rotation_wraps_everything_anew_and_what_was_sealed_opens_with_the_new_key_alone() {
    let world = World::start().await;
    let requesters = world.requesters(3).await;
    let event = EventId::new(Uuid::from_u128(1));
    let sealed = world.service.seal(&requesters[0], event, "name", &"Ada".to_owned()).await.unwrap();
    let old = MasterKeys::from_file(world.file.as_ref()).unwrap().first().id().to_owned();

    world.keys(&["status"]).await.says(&format!("3  keys wrapped by {old}"));
    world.keys(&["rotate", "--dry-run"]).await.says("3 keys would be wrapped by it");
    assert_eq!(world.keys_in_the_file(), 1, "a dry run makes no key");
    let rotated = world.keys(&["rotate"]).await;
    rotated.says("3 keys wrapped anew");
    rotated.says("everything is wrapped by it");
    world.keys(&["retire"]).await.refuses("nothing done");
    world.keys(&["retire", "--yes"]).await.says(&format!("retired {old}"));
    assert_eq!(world.keys_in_the_file(), 1);

    let file = MasterKeys::from_file(world.file.as_ref()).unwrap();
    assert_ne!(file.first().id(), old);
    let later = PersonalKeys::open(world.hub.store.pool().clone(), file).await.unwrap();
    assert_eq!(later.open_sealed(&sealed, event, "name").await.unwrap(), "Ada");
}

#[tokio::test]
async fn a_prepared_key_is_used_by_the_rotation_that_follows() {
    let world = World::start().await;
    world.requesters(2).await;
    world.keys(&["rotate", "--prepare"]).await.says("is the next master key");
    assert_eq!(world.keys_in_the_file(), 2);
    world.keys(&["rotate", "--prepare"]).await.says("is the next master key");
    world.keys(&["rotate", "--dry-run"]).await.says("is under way: 2 keys");
    world.keys(&["retire", "--yes"]).await.says("in the file");
    // Retiring left the one in use; the prepared one was not in use yet.
    assert_eq!(world.keys_in_the_file(), 1);
    world.keys(&["rotate", "--limit", "1"]).await.says("1 keys are left: run it again");
    world.keys(&["retire", "--yes"]).await.refuses("1 keys are wrapped by others still");
    world.keys(&["rotate"]).await.says("1 keys wrapped anew");
    assert_eq!(world.keys_in_the_file(), 2, "it went on instead of beginning anew");
}

#[tokio::test]
async fn a_rotation_killed_in_the_middle_goes_on_while_services_read_and_write() {
    let world = World::start().await;
    let requesters = world.requesters(510).await;
    let killed =
        world.hub.hubctl_killed_at("keys.rewrapped", &["keys", "rotate", "--file", &world.file]).await;
    assert!(!killed.ok);
    let status = world.keys(&["status"]).await;
    status.says("10  keys wrapped by");
    status.says("500  keys wrapped by");
    // A process that started before and one that starts now.
    let file = MasterKeys::from_file(world.file.as_ref()).unwrap();
    let fresh = PersonalKeys::open(world.hub.store.pool().clone(), file).await.unwrap();
    for requester in &requesters {
        fresh.key_for(requester).await.unwrap();
    }
    world.service.key_for(&world.service.requester_id("new")).await.unwrap();
    world.keys(&["rotate"]).await.says("10 keys wrapped anew");
    assert_eq!(world.keys_in_the_file(), 2, "no third key was made");
    world.keys(&["status"]).await.says("511  keys wrapped by");
}
