//! Personal data in clear text, as long as there is a key.

use anyhow::Context as _;
use event_store::{PersonalKeys, personal_keys::KeyError};
use schemas::{Envelope, Sealed};
use serde::de::DeserializeOwned;

/// What was sealed as `field` of `event`; nothing once the requester was erased.
pub(super) async fn open<T: DeserializeOwned>(
    keys: &PersonalKeys,
    event: &Envelope,
    field: &'static str,
    sealed: &Sealed<T>,
) -> anyhow::Result<Option<T>> {
    match keys.open_sealed(sealed, event.id, field).await {
        Ok(clear) => Ok(Some(clear)),
        Err(KeyError::Erased(_)) => Ok(None),
        // An erased requester who came back has a new key, which does not open what was sealed before. That must not
        // stop every other ticket.
        Err(KeyError::CannotOpen(_)) => {
            tracing::warn!(position = %event.position, field, "the requester's key does not open this");
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("opening {field}")),
    }
}
