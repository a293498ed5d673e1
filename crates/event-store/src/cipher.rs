//! Sealing a value under a requester's key: XChaCha20-Poly1305, a random 24-byte nonce in front of the ciphertext
//! (random nonces of that length do not repeat in practice; they come from a generator that the operating system seeds, keys
//! from the operating system), associated data = event id + field name.

use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, OsRng, Payload},
};
use schemas::{EventId, RequesterId, Sealed};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::ZeroizeOnDrop;

const NONCE: usize = 24;

/// A 256-bit key; wiped from memory when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// The value has no JSON form, or is beyond what the cipher takes (256 GiB).
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be sealed")]
pub struct CannotSeal(#[source] Option<serde_json::Error>);

/// The ciphertext was not made with this key for this place, or was altered.
#[derive(Debug, thiserror::Error)]
#[error("cannot be opened: wrong key, wrong place, or altered")]
pub struct CannotOpen;

impl SecretKey {
    /// A key from the operating system's random source.
    #[must_use]
    pub fn generate() -> Self {
        Self(XChaCha20Poly1305::generate_key(&mut OsRng).into())
    }

    /// A key known already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Nonce and ciphertext of `clear`, bound to `place`.
    ///
    /// # Errors
    /// As [`CannotSeal`].
    pub fn encrypt(&self, clear: &[u8], place: &[u8]) -> Result<Vec<u8>, CannotSeal> {
        let nonce = XNonce::from(rand::random::<[u8; NONCE]>());
        let payload = Payload { msg: clear, aad: place };
        let ciphertext = self.cipher().encrypt(&nonce, payload).map_err(|_| CannotSeal(None))?;
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    /// What [`Self::encrypt`] was given.
    ///
    /// # Errors
    /// [`CannotOpen`] for another key or place, or an altered ciphertext.
    pub fn decrypt(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE).ok_or(CannotOpen)?;
        let payload = Payload { msg: ciphertext, aad: place };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| CannotOpen)
    }

    /// Seals `value` as `field` of `event`.
    ///
    /// # Errors
    /// As [`CannotSeal`].
    pub fn seal<T: Serialize>(
        &self,
        requester: &RequesterId,
        event: EventId,
        field: &str,
        value: &T,
    ) -> Result<Sealed<T>, CannotSeal> {
        let clear =
            zeroize::Zeroizing::new(serde_json::to_vec(value).map_err(|error| CannotSeal(Some(error)))?);
        Ok(Sealed::from_ciphertext(requester.clone(), self.encrypt(&clear, &place(event, field))?))
    }

    /// Opens what was sealed as `field` of `event`.
    ///
    /// # Errors
    /// [`CannotOpen`] for another key, event or field, or an altered ciphertext.
    pub fn open<T: DeserializeOwned>(
        &self,
        sealed: &Sealed<T>,
        event: EventId,
        field: &str,
    ) -> Result<T, CannotOpen> {
        let clear = zeroize::Zeroizing::new(self.decrypt(sealed.ciphertext(), &place(event, field))?);
        serde_json::from_slice(&clear).map_err(|_| CannotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(&self.0))
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

fn place(event: EventId, field: &str) -> Vec<u8> {
    [event.as_uuid().as_bytes(), field.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester() -> RequesterId {
        RequesterId::from_hash([7; 16])
    }

    fn event(n: u128) -> EventId {
        EventId::new(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let key = SecretKey::generate();
        let sealed = key.seal(&requester(), event(1), "name", &"Ada".to_owned()).unwrap();
        assert_eq!(key.open(&sealed, event(1), "name").unwrap(), "Ada");
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_with_its_key() {
        let key = SecretKey::generate();
        let sealed = key.seal(&requester(), event(1), "name", &"Ada".to_owned()).unwrap();
        assert!(key.open(&sealed, event(2), "name").is_err());
        assert!(key.open(&sealed, event(1), "email").is_err());
        assert!(SecretKey::generate().open(&sealed, event(1), "name").is_err());
    }

    #[test]
    fn an_altered_ciphertext_does_not_open() {
        let key = SecretKey::generate();
        let sealed = key.seal(&requester(), event(1), "name", &"Ada".to_owned()).unwrap();
        for i in 0..sealed.ciphertext().len() {
            let mut bytes = sealed.ciphertext().to_vec();
            bytes[i] ^= 1;
            let altered = Sealed::<String>::from_ciphertext(requester(), bytes);
            assert!(key.open(&altered, event(1), "name").is_err(), "byte {i}");
        }
    }
}
