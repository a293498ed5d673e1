//! The keys of many requesters, asked for in one question: whoever opens thousands of values must not ask thousands of
//! times.

use std::collections::{HashMap, HashSet};

use schemas::{EventId, RequesterId, Sealed};
use serde::de::DeserializeOwned;

use super::{KeyError, PersonalKeys, unwrap};
use crate::cipher::SecretKey;

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
                None => unknown.push(requester.to_string()),
            }
        }
        if !unknown.is_empty() {
            for (requester, key) in self.load(&unknown).await? {
                ring.insert(requester.clone(), self.remember(&requester, key));
            }
        }
        Ok(KeyRing(ring))
    }

    async fn load(&self, requesters: &[String]) -> Result<Vec<(RequesterId, SecretKey)>, KeyError> {
        let rows = sqlx::query!(
            "select requester_id, wrapped from personal.requester_keys where requester_id = any($1)",
            requesters,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .filter_map(|row| Some((row.requester_id.parse::<RequesterId>().ok()?, row.wrapped)))
            .map(|(requester, wrapped)| {
                let (key, _) = unwrap(&self.known, &wrapped, requester.as_str().as_bytes())?;
                Ok((requester, key))
            })
            .collect()
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
