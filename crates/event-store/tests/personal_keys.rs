//! Personal data opens for whoever holds the keys, and for nobody else.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use event_store::{
    PersonalKeys,
    cipher::SecretKey,
    database,
    key_rotation::{self, Rewrapped},
    master_keys::{MasterKey, MasterKeys, generate_master_key},
    personal_keys::KeyError,
};
use local_stack::testing::{TestDatabase, eventually};
use schemas::{EventId, RequesterId};
use uuid::Uuid;

async fn pool() -> sqlx::PgPool {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 5).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    pool
}

fn master() -> SecretKey {
    SecretKey::from_bytes([9; 32])
}

#[tokio::test]
async fn every_process_names_and_opens_the_same_requester() {
    let pool = pool().await;
    let one = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let other = PersonalKeys::open(pool, master()).await.unwrap();
    let requester = one.requester_id("Ada@Example.com");
    assert_eq!(requester, other.requester_id(" ada@example.com "));
    let event = EventId::new(Uuid::from_u128(1));
    let name = "Ada".to_owned();
    let (from_one, from_other) = tokio::join!(
        one.seal(&requester, event, "name", &name),
        other.seal(&requester, event, "name", &name),
    );
    assert_eq!(other.open_sealed(&from_one.unwrap(), event, "name").await.unwrap(), "Ada");
    assert_eq!(one.open_sealed(&from_other.unwrap(), event, "name").await.unwrap(), "Ada");
}

#[tokio::test]
async fn processes_that_start_together_share_one_hash_key() {
    let elsewhere = pool().await;
    let other = PersonalKeys::open(elsewhere.clone(), master()).await.unwrap();
    let wrapped: Vec<u8> =
        sqlx::query_scalar("select wrapped from personal.hash_key").fetch_one(&elsewhere).await.unwrap();
    // Another process has made the key and not committed yet …
    let pool = pool().await;
    let mut first = pool.begin().await.unwrap();
    let insert = "insert into personal.hash_key (wrapped) values ($1)";
    sqlx::query(insert).bind(wrapped).execute(&mut *first).await.unwrap();
    let second = tokio::spawn(PersonalKeys::open(pool.clone(), master()));
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    eventually("the second process waiting for the first", async || {
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() > 0
    })
    .await;
    // … when this one asks for it.
    first.commit().await.unwrap();
    let keys = second.await.unwrap().unwrap();
    assert_eq!(keys.requester_id("ada@example.com"), other.requester_id("ada@example.com"));
}

#[tokio::test]
async fn another_master_key_is_refused_at_the_door() {
    let pool = pool().await;
    PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let wrong = PersonalKeys::open(pool, SecretKey::generate()).await;
    assert!(matches!(wrong, Err(KeyError::WrongMasterKey)));
}

#[tokio::test]
async fn without_the_requesters_key_nothing_opens() {
    let pool = pool().await;
    let keys = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let requester = keys.requester_id("ada@example.com");
    let event = EventId::new(Uuid::from_u128(1));
    let sealed = keys.seal(&requester, event, "name", &"Ada".to_owned()).await.unwrap();
    sqlx::raw_sql("delete from personal.requester_keys").execute(&pool).await.unwrap();
    let later = PersonalKeys::open(pool, master()).await.unwrap();
    assert!(matches!(later.open_sealed(&sealed, event, "name").await, Err(KeyError::Erased(_))));
}

#[tokio::test]
async fn an_attachment_is_kept_sealed_and_found_by_its_hash() {
    let pool = pool().await;
    let keys = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let requester = keys.requester_id("ada@example.com");
    let sha256 = keys.keep_attachment(&requester, b"RIFF spoken words").await.unwrap();
    assert_eq!(keys.keep_attachment(&requester, b"RIFF spoken words").await.unwrap(), sha256);
    assert_eq!(keys.attachment(&requester, &sha256).await.unwrap().unwrap(), b"RIFF spoken words");
    let stored: Vec<u8> =
        sqlx::query_scalar("select sealed from personal.attachments").fetch_one(&pool).await.unwrap();
    assert!(!stored.windows(6).any(|window| window == b"spoken"));
}

#[tokio::test]
async fn reading_an_erased_requesters_attachment_makes_no_new_key() {
    let pool = pool().await;
    let keys = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let requester = keys.requester_id("ada@example.com");
    let sha256 = keys.keep_attachment(&requester, b"RIFF spoken words").await.unwrap();
    sqlx::raw_sql("delete from personal.requester_keys").execute(&pool).await.unwrap();
    let later = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    assert!(matches!(later.attachment(&requester, &sha256).await, Err(KeyError::Erased(_))));
    let count = "select count(*) from personal.requester_keys";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap(), 0);
}

#[test]
fn a_master_key_file_holds_64_hexadecimal_digits() {
    let dir = std::env::temp_dir().join(format!("master-key-{}", std::process::id()));
    std::fs::write(&dir, generate_master_key()).unwrap();
    assert!(MasterKeys::from_file(&dir).is_ok());
    std::fs::write(&dir, "not a key").unwrap();
    assert!(matches!(MasterKeys::from_file(&dir), Err(KeyError::MasterKeyFile { .. })));
    std::fs::remove_file(dir).unwrap();
}

#[tokio::test]
async fn writing_about_an_erased_requester_makes_them_no_new_key() {
    let pool = pool().await;
    let keys = PersonalKeys::open(pool.clone(), master()).await.unwrap();
    let requester = keys.requester_id("ada@example.com");
    let event = EventId::new(Uuid::from_u128(1));
    let text = "a comment".to_owned();
    for _ in 0..2 {
        let sealed = keys.seal_for_known(&requester, event, "text", &text).await;
        assert!(matches!(sealed, Err(KeyError::Erased(_))));
    }
    keys.seal(&requester, event, "name", &"Ada".to_owned()).await.unwrap();
    let sealed = keys.seal_for_known(&requester, event, "text", &text).await.unwrap();
    assert_eq!(keys.open_sealed(&sealed, event, "text").await.unwrap(), text);
}

/// A key file, and the keys of three requesters wrapped by the one key in it.
async fn three_requesters(pool: &sqlx::PgPool) -> (tempfile::TempDir, MasterKeys, Vec<RequesterId>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    std::fs::write(&path, generate_master_key()).unwrap();
    let keys = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&path).unwrap()).await.unwrap();
    let mut requesters = vec![];
    for name in ["ada", "bob", "cleo"] {
        let requester = keys.requester_id(name);
        keys.key_for(&requester).await.unwrap();
        requesters.push(requester);
    }
    requesters.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    (dir, MasterKeys::from_file(&path).unwrap(), requesters)
}

async fn rotate(pool: &sqlx::PgPool, operator: &MasterKeys) -> MasterKey {
    let new = operator.add().unwrap();
    key_rotation::put_in_use(pool, operator, &new).await.unwrap();
    key_rotation::rewrap(pool, operator, &new, "", 100).await.unwrap();
    new
}

#[tokio::test]
async fn a_running_process_goes_on_through_a_rotation_and_seals_under_the_new_key() {
    let pool = pool().await;
    let (dir, operator, requesters) = three_requesters(&pool).await;
    let file = MasterKeys::from_file(&dir.path().join("master.key")).unwrap();
    let running = PersonalKeys::open(pool.clone(), file).await.unwrap();
    let event = EventId::new(Uuid::from_u128(1));
    let before = running.seal(&requesters[0], event, "name", &"Ada".to_owned()).await.unwrap();
    let new = rotate(&pool, &operator).await;
    // A key it has never seen, wrapped by a master key it has never seen; and a requester who is new.
    running.key_for(&requesters[1]).await.unwrap();
    running.key_for(&running.requester_id("dora")).await.unwrap();
    assert_eq!(running.open_sealed(&before, event, "name").await.unwrap(), "Ada");
    let status = key_rotation::status(&pool).await.unwrap();
    assert_eq!(
        status.wrapped,
        [(Some(new.id().to_owned()), 4)],
        "nothing is wrapped by the old key any more"
    );
    // What was sealed before opens in a process that knows the new key only.
    operator.retire_all_but(&new).unwrap();
    let file = MasterKeys::from_file(&dir.path().join("master.key")).unwrap();
    let later = PersonalKeys::open(pool, file).await.unwrap();
    assert_eq!(later.open_sealed(&before, event, "name").await.unwrap(), "Ada");
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_goes_on_and_everything_opens_meanwhile() {
    let pool = pool().await;
    let (dir, operator, requesters) = three_requesters(&pool).await;
    let new = operator.add().unwrap();
    key_rotation::put_in_use(&pool, &operator, &new).await.unwrap();
    let first = key_rotation::rewrap(&pool, &operator, &new, "", 1).await.unwrap();
    assert_eq!((first.keys, first.last.as_deref()), (1, Some(requesters[0].as_str())));
    let file = MasterKeys::from_file(&dir.path().join("master.key")).unwrap();
    let process = PersonalKeys::open(pool.clone(), file).await.unwrap();
    for requester in &requesters {
        process.key_for(requester).await.unwrap();
    }
    assert_eq!(key_rotation::status(&pool).await.unwrap().left_for(&new), 2);
    let rest = key_rotation::rewrap(&pool, &operator, &new, "", 100).await.unwrap();
    assert_eq!((rest.keys, rest.unopenable.len()), (2, 0));
    assert_eq!(key_rotation::rewrap(&pool, &operator, &new, "", 100).await.unwrap(), Rewrapped::default());
}

#[tokio::test]
async fn a_process_that_writes_a_key_while_the_master_key_changes_does_not_slip_through() {
    let pool = pool().await;
    let (dir, operator, _) = three_requesters(&pool).await;
    let path = dir.path().join("master.key");
    let running = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&path).unwrap()).await.unwrap();
    // A writer that has begun before the change …
    let mut writer = pool.begin().await.unwrap();
    let old = operator.first();
    let insert =
        "insert into personal.requester_keys (requester_id, wrapped, master_id) values ('x', '', $1)";
    sqlx::query(insert).bind(old.id()).execute(&mut *writer).await.unwrap();
    let new = operator.add().unwrap();
    let change = key_rotation::put_in_use(&pool, &operator, &new);
    tokio::pin!(change);
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    eventually("the change waiting for the writer", async || {
        tokio::select! {
            _ = &mut change => panic!("did not wait for a writer with the old key"),
            waiting = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool) => waiting.unwrap() > 0,
        }
    })
    .await;
    // … is waited for, and one that comes later uses the new key.
    writer.rollback().await.unwrap();
    change.await.unwrap();
    running.key_for(&running.requester_id("eve")).await.unwrap();
    assert_eq!(key_rotation::status(&pool).await.unwrap().left_for(&new), 3);
}

#[tokio::test]
async fn a_key_that_no_master_key_opens_is_named_and_left_as_it_is() {
    let pool = pool().await;
    let (_dir, operator, requesters) = three_requesters(&pool).await;
    sqlx::raw_sql("update personal.requester_keys set wrapped = '\\x00' where requester_id = (select min(requester_id) from personal.requester_keys)")
        .execute(&pool)
        .await
        .unwrap();
    let new = operator.add().unwrap();
    key_rotation::put_in_use(&pool, &operator, &new).await.unwrap();
    let outcome = key_rotation::rewrap(&pool, &operator, &new, "", 100).await.unwrap();
    assert_eq!((outcome.keys, outcome.unopenable), (2, vec![requesters[0].to_string()]));
}
