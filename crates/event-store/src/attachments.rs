//! Files that came with tickets: sealed, outside the log, found by the hash that the event holds.

use schemas::RequesterId;
use sha2::{Digest as _, Sha256};

use crate::personal_keys::{KeyError, PersonalKeys};

impl PersonalKeys {
    /// Keeps `bytes` for a requester and returns their SHA-256, hexadecimal. Keeping them again changes nothing.
    ///
    /// # Errors
    /// As [`KeyError`].
    pub async fn keep_attachment(&self, requester: &RequesterId, bytes: &[u8]) -> Result<String, KeyError> {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let sealed = self.key_for(requester).await?.encrypt(bytes, sha256.as_bytes())?;
        sqlx::query!(
            "insert into personal.attachments (requester_id, sha256, sealed) values ($1, $2, $3)
             on conflict do nothing",
            requester.as_str(),
            sha256,
            sealed,
        )
        .execute(self.pool())
        .await?;
        Ok(sha256)
    }

    /// The bytes behind a hash; `None` where there are none.
    ///
    /// # Errors
    /// [`KeyError::Erased`] once the requester's key is destroyed.
    pub async fn attachment(
        &self,
        requester: &RequesterId,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, KeyError> {
        let sealed = sqlx::query_scalar!(
            "select sealed from personal.attachments where requester_id = $1 and sha256 = $2",
            requester.as_str(),
            sha256,
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        Ok(Some(self.existing_key(requester).await?.decrypt(&sealed, sha256.as_bytes())?))
    }
}
