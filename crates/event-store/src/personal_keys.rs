//! The keys of personal data: one per requester, wrapped by a master key that never enters the database.

mod ring;

pub use ring::KeyRing;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use hmac::{Hmac, Mac as _};
use schemas::{EventId, RequesterId, Sealed};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use sqlx::PgPool;

use crate::{cipher::SecretKey, error::StoreError, key_draft::Drafts};

/// Keys held in memory at most; a full cache is emptied, not grown.
const CACHE: usize = 10_000;
const HASH_KEY_PLACE: &[u8] = b"hash-key";

/// Opens and seals personal data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PersonalKeys {
    pool: PgPool,
    master: Arc<SecretKey>,
    hash_key: Arc<SecretKey>,
    cache: Arc<Mutex<HashMap<RequesterId, SecretKey>>>,
    /// Keys that an append under way makes.
    pub(crate) drafts: Drafts,
}

/// Why a key could not be had or a value not be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The master key file is missing or not 64 hexadecimal digits.
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

/// Reads a master key: 64 hexadecimal digits in a file only the services can read.
///
/// # Errors
/// [`KeyError::MasterKeyFile`].
pub fn master_key_from_file(path: &Path) -> Result<SecretKey, KeyError> {
    let wrong = |problem| KeyError::MasterKeyFile { path: path.display().to_string(), problem };
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(|_| wrong("cannot be read"))?);
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut())
        .map_err(|_| wrong("must hold 64 hexadecimal digits"))?;
    Ok(SecretKey::from_bytes(*bytes))
}

/// A new master key as [`master_key_from_file`] reads it.
#[must_use]
pub fn generate_master_key() -> String {
    hex::encode(SecretKey::generate().bytes())
}

impl PersonalKeys {
    /// Opens the key store, making the hash key on first use.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] for a master key that is not this database's.
    pub async fn open(pool: PgPool, master: SecretKey) -> Result<Self, KeyError> {
        let fresh = master.encrypt(SecretKey::generate().bytes(), HASH_KEY_PLACE)?;
        let wrapped = sqlx::query_scalar!(
            // Two processes may make it at once: the row decides. `do nothing` would not see the other's row.
            "insert into personal.hash_key (wrapped) values ($1)
             on conflict (only_row) do update set wrapped = hash_key.wrapped returning wrapped",
            fresh,
        )
        .fetch_one(&pool)
        .await?;
        let hash_key = unwrap(&master, &wrapped, HASH_KEY_PLACE)?;
        let (cache, drafts) = (Arc::default(), Drafts::default());
        Ok(Self { pool, master: Arc::new(master), hash_key: Arc::new(hash_key), cache, drafts })
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
        let place = requester.as_str().as_bytes();
        let fresh = self.master.encrypt(SecretKey::generate().bytes(), place)?;
        // Two processes may make the first key at once: the row decides, and both use what it holds.
        let wrapped = sqlx::query_scalar!(
            "insert into personal.requester_keys (requester_id, wrapped) values ($1, $2)
             on conflict (requester_id) do update set wrapped = requester_keys.wrapped returning wrapped",
            requester.as_str(),
            fresh,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(self.remember(requester, unwrap(&self.master, &wrapped, place)?))
    }

    /// The key of a requester who must exist.
    pub(crate) async fn existing_key(&self, requester: &RequesterId) -> Result<SecretKey, KeyError> {
        if let Some(key) = self.cached(requester) {
            return Ok(key);
        }
        let wrapped = sqlx::query_scalar!(
            "select wrapped from personal.requester_keys where requester_id = $1",
            requester.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?
        .ok_or_else(|| KeyError::Erased(requester.clone()))?;
        Ok(self.remember(requester, unwrap(&self.master, &wrapped, requester.as_str().as_bytes())?))
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

    /// A key nobody has yet, and the same wrapped for `requester`.
    pub(crate) fn make(&self, requester: &RequesterId) -> Result<(SecretKey, Vec<u8>), KeyError> {
        let key = SecretKey::generate();
        let wrapped = self.master.encrypt(key.bytes(), requester.as_str().as_bytes())?;
        Ok((key, wrapped))
    }

    /// The key behind what the database holds for `requester`.
    pub(crate) fn unwrap(&self, requester: &RequesterId, wrapped: &[u8]) -> Result<SecretKey, KeyError> {
        unwrap(&self.master, wrapped, requester.as_str().as_bytes())
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn cached(&self, requester: &RequesterId) -> Option<SecretKey> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(requester).cloned()
    }

    pub(crate) fn remember(&self, requester: &RequesterId, key: SecretKey) -> SecretKey {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(requester.clone(), key.clone());
        key
    }
}

fn unwrap(master: &SecretKey, wrapped: &[u8], place: &[u8]) -> Result<SecretKey, KeyError> {
    let clear =
        zeroize::Zeroizing::new(master.decrypt(wrapped, place).map_err(|_| KeyError::WrongMasterKey)?);
    let bytes: [u8; 32] = clear.as_slice().try_into().map_err(|_| KeyError::WrongMasterKey)?;
    Ok(SecretKey::from_bytes(bytes))
}
