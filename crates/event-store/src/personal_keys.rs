//! The keys of personal data: one per requester, wrapped by a master key that never enters the database.

mod ring;

pub use ring::KeyRing;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use hmac::{Hmac, Mac as _};
use quick_cache::sync::Cache;
use schemas::{EventId, RequesterId, Sealed};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use sqlx::{PgConnection, PgPool};

use crate::{
    append::NewKey,
    cipher::SecretKey,
    error::StoreError,
    group_load::{Question, Reader},
    key_draft::Drafts,
    master_keys::{MasterKey, MasterKeys},
};

/// Keys held in memory at most; those of requesters who come again stay.
const CACHE: usize = 10_000;
pub(crate) const HASH_KEY_PLACE: &[u8] = b"hash-key";

/// Opens and seals personal data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PersonalKeys {
    pool: PgPool,
    known: MasterKeys,
    /// The master key that new keys are wrapped by.
    in_use: Arc<Mutex<MasterKey>>,
    hash_key: Arc<SecretKey>,
    cache: Arc<Cache<RequesterId, SecretKey>>,
    reader: Reader<WrappedKeys>,
    /// Keys that an append under way makes.
    pub(crate) drafts: Drafts,
}

/// Why a key could not be had or a value not be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The master key file is missing, or holds something else than keys, or cannot be written.
    #[error("the master key file {path} {problem}")]
    MasterKeyFile {
        /// Its path.
        path: String,
        /// What is wrong with it, never what it holds.
        problem: &'static str,
    },
    /// The database holds keys wrapped by another master key.
    #[error("this master key does not open the keys in the database: is it the right file?")]
    WrongMasterKey,
    /// The requester was erased: what was sealed for them is gone for good.
    #[error("the requester {0} was erased")]
    Erased(RequesterId),
    /// The sealed value does not open in this place.
    #[error(transparent)]
    CannotOpen(#[from] crate::cipher::CannotOpen),
    /// The value cannot be sealed at all.
    #[error(transparent)]
    CannotSeal(#[from] crate::cipher::CannotSeal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for KeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl PersonalKeys {
    /// Opens the key store, making the hash key on first use.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] for a master key that is not this database's.
    pub async fn open(pool: PgPool, known: impl Into<MasterKeys>) -> Result<Self, KeyError> {
        let known = known.into();
        let master = known.first();
        let fresh = master.key().encrypt(SecretKey::generate().bytes(), HASH_KEY_PLACE)?;
        let row = sqlx::query!(
            // Two processes may make it at once: the row decides. `do nothing` would not see the other's row.
            "insert into personal.hash_key (wrapped, master_id) values ($1, $2)
             on conflict (only_row) do update set wrapped = hash_key.wrapped returning wrapped, master_id",
            fresh,
            master.id(),
        )
        .fetch_one(&pool)
        .await?;
        let (hash_key, in_use) = unwrap(&known, &row.wrapped, HASH_KEY_PLACE)?;
        if row.master_id.is_none() {
            let name = sqlx::query!(
                "update personal.hash_key set master_id = $1 where master_id is null",
                in_use.id()
            );
            name.execute(&pool).await?;
        }
        let in_use = Arc::new(Mutex::new(in_use));
        let reader = Reader::start(pool.clone());
        let (cache, drafts) = (Arc::new(Cache::new(CACHE)), Drafts::default());
        Ok(Self { pool, known, in_use, hash_key: Arc::new(hash_key), cache, reader, drafts })
    }

    /// The requester behind an e-mail address, whatever its letter case.
    #[must_use]
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn requester_id(&self, email: &str) -> RequesterId {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.hash_key.bytes()).expect("any length");
        mac.update(email.trim().to_lowercase().as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        RequesterId::from_hash(hash)
    }

    /// The requester's key, made on first use.
    ///
    /// # Errors
    /// As [`KeyError`].
    pub async fn key_for(&self, requester: &RequesterId) -> Result<SecretKey, KeyError> {
        if let Some(key) = self.cached(requester) {
            return Ok(key);
        }
        if let Some(key) = self.insert_or_find(requester).await? {
            return Ok(key);
        }
        // The master key was replaced since this process looked.
        self.look_again().await?;
        self.insert_or_find(requester).await?.ok_or(KeyError::WrongMasterKey)
    }

    /// The requester's key, made where it is missing; `None` where the master key this process wraps by is not the one
    /// in use any more.
    async fn insert_or_find(&self, requester: &RequesterId) -> Result<Option<SecretKey>, KeyError> {
        let (_, fresh) = self.make(requester)?;
        // Two processes may make the first key at once: the row decides, and both use what it holds.
        let wrapped = sqlx::query_scalar!(
            "insert into personal.requester_keys (requester_id, wrapped, master_id)
             select $1, $2, $3 where (select master_id from personal.hash_key) = $3
             on conflict (requester_id) do update set wrapped = requester_keys.wrapped returning wrapped",
            fresh.requester.as_str(),
            fresh.wrapped,
            fresh.master,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(wrapped) = wrapped else { return Ok(None) };
        Ok(Some(self.remember(requester, self.unwrap(requester, &wrapped)?)))
    }

    /// Learns which master key is in use now, from the database and the key file; after
    /// [`crate::AppendError::OtherMasterKey`].
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] when the file does not have it (yet).
    pub async fn look_again(&self) -> Result<(), KeyError> {
        self.known.reload()?;
        let wrapped =
            sqlx::query_scalar!("select wrapped from personal.hash_key").fetch_one(&self.pool).await?;
        let (_, in_use) = unwrap(&self.known, &wrapped, HASH_KEY_PLACE)?;
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = in_use;
        self.drafts.forget_all();
        Ok(())
    }

    /// The key of a requester who must exist.
    pub(crate) async fn existing_key(&self, requester: &RequesterId) -> Result<SecretKey, KeyError> {
        if let Some(key) = self.cached(requester) {
            return Ok(key);
        }
        let wrapped = self.reader.load(requester.clone()).await?;
        let wrapped = wrapped.ok_or_else(|| KeyError::Erased(requester.clone()))?;
        Ok(self.remember(requester, self.unwrap(requester, &wrapped)?))
    }

    /// Seals `value` as `field` of `event` for a requester.
    ///
    /// # Errors
    /// As [`KeyError`].
    pub async fn seal<T: Serialize>(
        &self,
        requester: &RequesterId,
        event: EventId,
        field: &str,
        value: &T,
    ) -> Result<Sealed<T>, KeyError> {
        Ok(self.key_for(requester).await?.seal(requester, event, field, value)?)
    }

    /// Seals as [`Self::seal`], but only for a requester who has a key: adding to the ticket of somebody who was erased
    /// must not make them a new one.
    ///
    /// # Errors
    /// [`KeyError::Erased`] once the requester's key is destroyed.
    pub async fn seal_for_known<T: Serialize>(
        &self,
        requester: &RequesterId,
        event: EventId,
        field: &str,
        value: &T,
    ) -> Result<Sealed<T>, KeyError> {
        Ok(self.existing_key(requester).await?.seal(requester, event, field, value)?)
    }

    /// Opens what was sealed as `field` of `event`.
    ///
    /// # Errors
    /// [`KeyError::Erased`] once the requester's key is destroyed.
    pub async fn open_sealed<T: DeserializeOwned>(
        &self,
        sealed: &Sealed<T>,
        event: EventId,
        field: &str,
    ) -> Result<T, KeyError> {
        Ok(self.existing_key(sealed.requester()).await?.open(sealed, event, field)?)
    }

    /// A key nobody has yet, and the same wrapped for `requester`, with the id of the master key.
    pub(crate) fn make(&self, requester: &RequesterId) -> Result<(SecretKey, NewKey), KeyError> {
        let (key, master) = (SecretKey::generate(), self.in_use());
        let wrapped = master.key().encrypt(key.bytes(), requester.as_str().as_bytes())?;
        Ok((key, NewKey { requester: requester.clone(), wrapped, master: master.id().to_owned() }))
    }

    /// The key behind what the database holds for `requester`.
    pub(crate) fn unwrap(&self, requester: &RequesterId, wrapped: &[u8]) -> Result<SecretKey, KeyError> {
        Ok(unwrap(&self.known, wrapped, requester.as_str().as_bytes())?.0)
    }

    fn in_use(&self) -> MasterKey {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn cached(&self, requester: &RequesterId) -> Option<SecretKey> {
        self.cache.get(requester)
    }

    pub(crate) fn remember(&self, requester: &RequesterId, key: SecretKey) -> SecretKey {
        self.cache.insert(requester.clone(), key.clone());
        key
    }
}

/// The requesters' keys as the database holds them.
pub(crate) struct WrappedKeys;

impl Question for WrappedKeys {
    type Key = RequesterId;
    type Found = Vec<u8>;

    async fn ask(
        connection: &mut PgConnection,
        requesters: Vec<RequesterId>,
    ) -> Result<HashMap<RequesterId, Vec<u8>>, sqlx::Error> {
        let names: Vec<&str> = requesters.iter().map(RequesterId::as_str).collect();
        // One by one: see the same for whole streams.
        let rows = sqlx::query!(
            r#"select wanted.no as "no!", k.wrapped
               from unnest($1::text[]) with ordinality wanted(requester_id, no)
               cross join lateral (
                   select wrapped from personal.requester_keys where requester_id = wanted.requester_id limit 1) k"#,
            &names as &[&str],
        )
        .fetch_all(connection)
        .await?;
        let found = rows
            .into_iter()
            .filter_map(|row| Some((requesters.get(row.no as usize - 1)?.clone(), row.wrapped)));
        Ok(found.collect())
    }
}

/// Opens a wrapped key, with the master key that did it. One that nothing opens may be wrapped by a key that was added
/// to the file since it was read.
pub(crate) fn unwrap(
    known: &MasterKeys,
    wrapped: &[u8],
    place: &[u8],
) -> Result<(SecretKey, MasterKey), KeyError> {
    if let Some(opened) = unwrap_with(&known.all(), wrapped, place) {
        return Ok(opened);
    }
    known.reload()?;
    unwrap_with(&known.all(), wrapped, place).ok_or(KeyError::WrongMasterKey)
}

fn unwrap_with(masters: &[MasterKey], wrapped: &[u8], place: &[u8]) -> Option<(SecretKey, MasterKey)> {
    masters.iter().find_map(|master| {
        let clear = zeroize::Zeroizing::new(master.key().decrypt(wrapped, place).ok()?);
        let bytes: [u8; 32] = clear.as_slice().try_into().ok()?;
        Some((SecretKey::from_bytes(bytes), master.clone()))
    })
}
