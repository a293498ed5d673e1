//! Personal data in events. It exists there only sealed: a [`Sealed`] value is ciphertext under the key of one
//! requester, and the type system keeps clear text out of every event that carries one.

use std::{fmt, marker::PhantomData};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RequesterId;

/// A `T` that only the holder of the requester's key can read. On the wire:
/// `x1.<requester id>.<base64url of nonce and ciphertext>`, where `x1` names the cipher
/// (XChaCha20-Poly1305, 24-byte nonce, the JSON of `T` inside).
///
/// Associated data is the event id and the field's name, so a sealed value moved to another event or another
/// field no longer opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed<T> {
    requester: RequesterId,
    ciphertext: Vec<u8>,
    clear: PhantomData<fn() -> T>,
}

/// The text is not a sealed value.
#[derive(Debug, thiserror::Error)]
#[error("not a sealed value: expected x1.<requester id>.<base64url>")]
pub struct NotSealed;

impl<T> Sealed<T> {
    const SCHEME: &'static str = "x1";

    /// Wraps what a cipher made; only key holders call this.
    #[must_use]
    pub const fn from_ciphertext(requester: RequesterId, ciphertext: Vec<u8>) -> Self {
        Self { requester, ciphertext, clear: PhantomData }
    }

    /// Whose key opens it.
    #[must_use]
    pub const fn requester(&self) -> &RequesterId {
        &self.requester
    }

    /// Nonce and ciphertext.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    fn parse(text: &str) -> Result<Self, NotSealed> {
        let (scheme, rest) = text.split_once('.').ok_or(NotSealed)?;
        let (requester, payload) = rest.split_once('.').ok_or(NotSealed)?;
        if scheme != Self::SCHEME {
            return Err(NotSealed);
        }
        Ok(Self::from_ciphertext(
            requester.parse().map_err(|_| NotSealed)?,
            URL_SAFE_NO_PAD.decode(payload).map_err(|_| NotSealed)?,
        ))
    }
}

impl<T> fmt::Display for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", Self::SCHEME, self.requester, URL_SAFE_NO_PAD.encode(&self.ciphertext))
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes for {})", self.ciphertext.len(), self.requester)
    }
}

impl<T> Serialize for Sealed<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T> Deserialize<'de> for Sealed<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<T> JsonSchema for Sealed<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sealed".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^x1\.[0-9a-f]{32}\.[A-Za-z0-9_-]+$",
            "description": "Personal data, sealed: x1.<requester id>.<base64url of nonce and ciphertext>"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_never_passes_for_a_sealed_value() {
        for text in ["Ada Lovelace", "x1.ada@example.com.QQ", "x2.00112233445566778899aabbccddeeff.QQ", ""] {
            assert!(serde_json::from_value::<Sealed<String>>(text.into()).is_err(), "{text} passed");
        }
    }

    #[test]
    fn a_sealed_value_reads_back_as_itself() {
        let requester: RequesterId = "00112233445566778899aabbccddeeff".parse().unwrap();
        let sealed = Sealed::<String>::from_ciphertext(requester, vec![0, 1, 254, 255]);
        let json = serde_json::to_value(&sealed).unwrap();
        assert_eq!(serde_json::from_value::<Sealed<String>>(json).unwrap(), sealed);
    }
}
