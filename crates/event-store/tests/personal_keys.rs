//! Personal data opens for whoever holds the keys, and for nobody else.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use event_store::{
    PersonalKeys,
    cipher::SecretKey,
    database,
    personal_keys::{KeyError, generate_master_key, master_key_from_file},
};
use local_stack::testing::TestDatabase;
use schemas::EventId;
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
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() == 0 {}
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
    assert!(master_key_from_file(&dir).is_ok());
    std::fs::write(&dir, "not a key").unwrap();
    assert!(matches!(master_key_from_file(&dir), Err(KeyError::MasterKeyFile { .. })));
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
