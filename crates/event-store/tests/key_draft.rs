//! A new requester's key is made together with the append that needs it, once, whoever appends at the same time.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use event_store::{
    Append, AppendError, EventStore, Expected, KeyDraft, MasterKeys, NewEvent, PersonalKeys,
    cipher::SecretKey, database, key_rotation, master_keys::generate_master_key, personal_keys::KeyError,
};
use local_stack::testing::TestDatabase;
use schemas::{
    EventId, RequesterId, Sealed, TicketEvent, TicketId, Version, envelope::Metadata, event::TicketCommented,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// One process: a log and the keys.
struct Process {
    store: EventStore,
    keys: PersonalKeys,
}

impl Process {
    async fn start(pool: &sqlx::PgPool) -> Self {
        let store = EventStore::open(pool.clone()).await.unwrap();
        let keys = PersonalKeys::open(pool.clone(), SecretKey::from_bytes([9; 32])).await.unwrap();
        Self { store, keys }
    }

    fn ada(&self) -> RequesterId {
        self.keys.requester_id("ada@example.com")
    }
}

async fn pool() -> sqlx::PgPool {
    let database = TestDatabase::create().await.unwrap();
    let pool = database::pool(database.url(), "test", 10).unwrap();
    database::MIGRATOR.run(&pool).await.unwrap();
    pool
}

/// An append of a text sealed under the draft, with what it takes to open it.
fn sealed(n: u128, draft: &KeyDraft) -> (Append, EventId, Sealed<String>) {
    let id = EventId::new(Uuid::now_v7());
    let text = draft.seal(id, "text", &format!("text {n}")).unwrap();
    let event = TicketEvent::Commented(TicketCommented { text: text.clone() });
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    let append = Append {
        ticket: TicketId::new(n.into()),
        expected: Expected::Exactly(Version::NONE),
        events: vec![NewEvent { id, event, metadata }],
        idempotency: None,
    };
    (append, id, text)
}

async fn keys_in(pool: &sqlx::PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from personal.requester_keys").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_key_comes_with_the_append_that_needs_it() {
    let pool = pool().await;
    let process = Process::start(&pool).await;
    let draft = process.keys.draft(&process.ada()).unwrap();
    let (append, id, text) = sealed(1, &draft);
    assert_eq!(keys_in(&pool).await, 0);
    process.store.append_sealed(append, &draft).await.unwrap();
    draft.confirm();
    assert_eq!(keys_in(&pool).await, 1);
    let elsewhere = Process::start(&pool).await;
    assert_eq!(elsewhere.keys.open_sealed(&text, id, "text").await.unwrap(), "text 1");
}

#[tokio::test]
async fn appends_at_once_share_the_key_of_a_new_requester() {
    let pool = pool().await;
    let process = Process::start(&pool).await;
    let drafts: Vec<_> = (0..20).map(|_| process.keys.draft(&process.ada()).unwrap()).collect();
    let appends: Vec<_> = drafts.iter().zip(1..).map(|(draft, n)| sealed(n, draft)).collect();
    let mut running = JoinSet::new();
    for (draft, (append, ..)) in drafts.into_iter().zip(appends.clone()) {
        let store = process.store.clone();
        running.spawn(async move {
            store.append_sealed(append, &draft).await.unwrap();
            draft.confirm();
        });
    }
    running.join_all().await;
    assert_eq!(keys_in(&pool).await, 1);
    let elsewhere = Process::start(&pool).await;
    for ((_, id, text), n) in appends.iter().zip(1..) {
        assert_eq!(elsewhere.keys.open_sealed(text, *id, "text").await.unwrap(), format!("text {n}"));
    }
}

#[tokio::test]
async fn of_two_processes_that_meet_a_new_requester_the_later_one_seals_again() {
    let pool = pool().await;
    let (one, other) = (Process::start(&pool).await, Process::start(&pool).await);
    let (first, second) = (one.keys.draft(&one.ada()).unwrap(), other.keys.draft(&other.ada()).unwrap());
    one.store.append_sealed(sealed(1, &first).0, &first).await.unwrap();
    let refused = other.store.append_sealed(sealed(2, &second).0, &second).await;
    let Err(AppendError::OtherKey { wrapped }) = refused else {
        panic!("appended what nobody can open: {refused:?}")
    };
    drop(second);
    let right = other.keys.adopt(&other.ada(), &wrapped).unwrap();
    let (append, id, text) = sealed(2, &right);
    other.store.append_sealed(append, &right).await.unwrap();
    assert_eq!(one.keys.open_sealed(&text, id, "text").await.unwrap(), "text 2");
    assert_eq!((keys_in(&pool).await, one.store.head().await.unwrap().0), (1, 2));
}

#[tokio::test]
async fn a_draft_that_came_to_nothing_is_forgotten() {
    let pool = pool().await;
    let process = Process::start(&pool).await;
    let draft = process.keys.draft(&process.ada()).unwrap();
    let (_, id, text) = sealed(1, &draft);
    drop(draft);
    assert!(matches!(process.keys.open_sealed(&text, id, "text").await, Err(KeyError::Erased(_))));
    // Had it been kept, this append would make it, after it may have been erased.
    let draft = process.keys.draft(&process.ada()).unwrap();
    process.store.append_sealed(sealed(2, &draft).0, &draft).await.unwrap();
    draft.confirm();
    assert!(matches!(process.keys.open_sealed(&text, id, "text").await, Err(KeyError::CannotOpen(_))));
}

#[tokio::test]
async fn a_key_drafted_under_a_replaced_master_key_is_refused_and_drafted_anew() {
    let (pool, dir) = (pool().await, tempfile::tempdir().unwrap());
    let path = dir.path().join("master.key");
    std::fs::write(&path, generate_master_key()).unwrap();
    let store = EventStore::open(pool.clone()).await.unwrap();
    let keys = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&path).unwrap()).await.unwrap();
    let ada = keys.requester_id("ada@example.com");
    let stale = keys.draft(&ada).unwrap();
    let operator = MasterKeys::from_file(&path).unwrap();
    let new = operator.add().unwrap();
    key_rotation::put_in_use(&pool, &operator, &new).await.unwrap();

    let refused = store.append_sealed(sealed(1, &stale).0, &stale).await;
    assert!(matches!(refused, Err(AppendError::OtherMasterKey)), "{refused:?}");
    assert_eq!(keys_in(&pool).await, 0);
    keys.look_again().await.unwrap();
    let draft = keys.draft(&ada).unwrap();
    drop(stale);
    let (append, id, text) = sealed(1, &draft);
    store.append_sealed(append, &draft).await.unwrap();
    draft.confirm();
    assert_eq!(keys.open_sealed(&text, id, "text").await.unwrap(), "text 1");
    let status = key_rotation::status(&pool).await.unwrap();
    assert_eq!(status.wrapped, [(Some(new.id().to_owned()), 1)]);
}
