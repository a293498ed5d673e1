//! Personal data in clear text, as long as there is a key.

use event_store::{KeyRing, PersonalKeys, personal_keys::KeyError};
use schemas::{EventId, Sealed};
use serde::de::DeserializeOwned;

/// What was sealed as `field` of `event`; nothing once the requester was erased.
///
/// # Errors
/// As [`KeyError`], where the keys cannot be asked.
pub async fn open<T: DeserializeOwned>(
    keys: &PersonalKeys,
    event: EventId,
    field: &str,
    sealed: &Sealed<T>,
) -> Result<Option<T>, KeyError> {
    match keys.open_sealed(sealed, event, field).await {
        Ok(clear) => Ok(Some(clear)),
        Err(KeyError::Erased(_)) => Ok(None),
        // An erased requester who came back has a new key, which does not open what was sealed before. That must not
        // stop every other ticket.
        Err(KeyError::CannotOpen(_)) => {
            tracing::warn!(event.id = %event, field, "the requester's key does not open this");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// As [`open`], with keys that were asked for before.
#[must_use]
pub fn open_with<T: DeserializeOwned>(
    ring: &KeyRing,
    event: EventId,
    field: &str,
    sealed: &Sealed<T>,
) -> Option<T> {
    match ring.open(sealed, event, field) {
        Ok(clear) => Some(clear),
        Err(KeyError::Erased(_)) => None,
        Err(_) => {
            tracing::warn!(event.id = %event, field, "the requester's key does not open this");
            None
        }
    }
}
