//! The key of a requester who may be new. Making it in the database first would cost an INSERT and a commit for every new
//! requester, as much as the append itself; so it is drafted here, what is appended is sealed under it, and the append
//! makes it (`migrations/*_append_plain_asks_less.sql`). Where somebody else was faster, the append is refused and names the key
//! that counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemas::{EventId, RequesterId, Sealed};
use serde::Serialize;

use crate::{
    append::NewKey,
    cipher::{CannotSeal, SecretKey},
    personal_keys::{KeyError, PersonalKeys},
};

/// Drafted keys by requester: appends under way at the same time share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drafts(Arc<Mutex<HashMap<RequesterId, Drafted>>>);

type Drafted = (SecretKey, NewKey);

/// A requester's key for one append. Dropping it before [`KeyDraft::confirm`] forgets a key that is new: whether the
/// database has it is unknown then, and a key must not come back after it was erased there.
#[derive(Debug)]
pub struct KeyDraft {
    keys: PersonalKeys,
    requester: RequesterId,
    key: SecretKey,
    new: Option<NewKey>,
}

impl PersonalKeys {
    /// The requester's key, or a new one where none is known here.
    ///
    /// # Errors
    /// Only when a key cannot be wrapped, which no key of ours is.
    pub fn draft(&self, requester: &RequesterId) -> Result<KeyDraft, KeyError> {
        if let Some(key) = self.cached(requester) {
            return Ok(self.drafted(requester, key, None));
        }
        let (key, new) = match self.drafts.of(requester) {
            Some(drafted) => drafted,
            // Made while nobody waits for the others' keys; whoever was faster meanwhile counts.
            None => self.drafts.enter(self.make(requester)?),
        };
        Ok(self.drafted(requester, key, Some(new)))
    }

    /// The key that the requester turned out to have.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] when it does not open.
    pub fn adopt(&self, requester: &RequesterId, wrapped: &[u8]) -> Result<KeyDraft, KeyError> {
        let key = self.remember(requester, self.unwrap(requester, wrapped)?);
        Ok(self.drafted(requester, key, None))
    }

    fn drafted(&self, requester: &RequesterId, key: SecretKey, new: Option<NewKey>) -> KeyDraft {
        KeyDraft { keys: self.clone(), requester: requester.clone(), key, new }
    }
}

impl KeyDraft {
    /// What the append must make, if it must.
    pub(crate) const fn new_key(&self) -> Option<&NewKey> {
        self.new.as_ref()
    }

    /// Seals `value` as `field` of `event`.
    ///
    /// # Errors
    /// As [`CannotSeal`].
    pub fn seal<T: Serialize>(
        &self,
        event: EventId,
        field: &str,
        value: &T,
    ) -> Result<Sealed<T>, CannotSeal> {
        self.key.seal(&self.requester, event, field, value)
    }

    /// What was sealed under the key is in the log, and so the key is in the database.
    pub fn confirm(self) {
        if self.new.is_some() {
            self.keys.remember(&self.requester, self.key.clone());
        }
    }
}

impl Drop for KeyDraft {
    fn drop(&mut self) {
        let Some(new) = &self.new else { return };
        let mut drafts = self.keys.drafts.lock();
        if drafts.get(&self.requester).is_some_and(|(_, drafted)| drafted == new) {
            drafts.remove(&self.requester);
        }
    }
}

impl Drafts {
    fn of(&self, requester: &RequesterId) -> Option<Drafted> {
        self.lock().get(requester).cloned()
    }

    /// The requester's drafted key: this one, unless there is one already.
    fn enter(&self, drafted: Drafted) -> Drafted {
        let requester = drafted.1.requester.clone();
        self.lock().entry(requester).or_insert(drafted).clone()
    }

    /// For keys wrapped by a master key that is not in use any more.
    pub(crate) fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequesterId, Drafted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
