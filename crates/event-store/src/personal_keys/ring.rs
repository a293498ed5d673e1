//! The keys of many requesters, asked for in one question: whoever opens thousands of values must not ask thousands of
//! times.

use std::collections::{HashMap, HashSet};

use schemas::{EventId, RequesterId, Sealed};
use serde::de::DeserializeOwned;

use super::{KeyError, PersonalKeys, WrappedKeys};
use crate::{cipher::SecretKey, group_load::Question as _};

/// Keys that were there when they were asked for. Whoever is not on it was erased.
#[derive(Debug, Default)]
pub struct KeyRing(HashMap<RequesterId, SecretKey>);

impl PersonalKeys {
    /// The keys of these requesters, as far as they exist.
    ///
    /// # Errors
    /// As [`KeyError`], but never [`KeyError::Erased`].
    pub async fn ring<'a>(
        &self,
        requesters: impl IntoIterator<Item = &'a RequesterId>,
    ) -> Result<KeyRing, KeyError> {
        let wanted: HashSet<&RequesterId> = requesters.into_iter().collect();
        let mut ring = HashMap::with_capacity(wanted.len());
        let mut unknown = vec![];
        for requester in wanted {
            match self.cached(requester) {
                Some(key) => drop(ring.insert(requester.clone(), key)),
                None => unknown.push(requester.clone()),
            }
        }
        if !unknown.is_empty() {
            let wrapped = WrappedKeys::ask(&mut *self.pool.acquire().await?, unknown).await?;
            for (requester, wrapped) in wrapped {
                let key = self.remember(&requester, self.unwrap(&requester, &wrapped)?);
                ring.insert(requester, key);
            }
        }
        Ok(KeyRing(ring))
    }
}

impl KeyRing {
    /// Opens what was sealed as `field` of `event`.
    ///
    /// # Errors
    /// [`KeyError::Erased`] where the requester's key is not on the ring, [`KeyError::CannotOpen`] where it does not fit.
    pub fn open<T: DeserializeOwned>(
        &self,
        sealed: &Sealed<T>,
        event: EventId,
        field: &str,
    ) -> Result<T, KeyError> {
        let requester = sealed.requester();
        let key = self.0.get(requester).ok_or_else(|| KeyError::Erased(requester.clone()))?;
        Ok(key.open(sealed, event, field)?)
    }
}
