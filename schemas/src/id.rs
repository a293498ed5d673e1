//! Identifiers and places in the log. None of them is ever a bare `Uuid`, `String` or integer across a
//! function boundary.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ulid::Ulid;
use uuid::Uuid;

/// A text that is not an identifier of the expected kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a {kind}: it must be {expected}")]
pub struct InvalidId {
    kind: &'static str,
    expected: &'static str,
}

/// A ticket, and the name of its stream: `tkt_` and a ULID. Sorts by creation time and holds only letters,
/// digits and `_`, so that it is safe in a NATS subject, a URL and a Zoho criteria expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(Ulid);

impl TicketId {
    const PREFIX: &'static str = "tkt_";

    /// The stream of facts about the hub itself. No ticket has this id: it is the ULID of the first millisecond of 1970.
    /// It is shaped as a ticket's so that readers that know nothing of such facts pass over them.
    pub const HUB: Self = Self(Ulid::nil());

    /// Names a new ticket by a ULID drawn in the shell (the domain never draws one).
    #[must_use]
    pub const fn new(ulid: Ulid) -> Self {
        Self(ulid)
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl FromStr for TicketId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix(Self::PREFIX)
            .and_then(|ulid| Ulid::from_string(ulid).ok())
            .map(Self)
            // Crockford's alphabet has several spellings of one value; only the canonical one is an id.
            .filter(|id| id.to_string() == text)
            .ok_or(InvalidId { kind: "ticket id", expected: "tkt_ and 26 letters or digits" })
    }
}

/// An event: `UUIDv7` where it is new, `UUIDv5` where it is derived from its cause, so that doing the same
/// work twice names the same event twice and the log refuses the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// Wraps an id drawn in the shell, or read back from the log.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id of the one event that `purpose` may derive from this one.
    #[must_use]
    pub fn derive(self, purpose: &str) -> Self {
        Self(Uuid::new_v5(&self.0, purpose.as_bytes()))
    }

    /// The id as the database stores it.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A requester: the keyed hash of the e-mail address, 32 hexadecimal digits. It names the key that seals the
/// requester's personal data, and says nothing about the person to whoever lacks the hash key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RequesterId(String);

impl RequesterId {
    /// The id made of the first 16 bytes of a keyed hash.
    #[must_use]
    pub fn from_hash(hash: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(hash)))
    }

    /// The 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequesterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequesterId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 32 && is_hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { kind: "requester id", expected: "32 lower-case hexadecimal digits" })
        }
    }
}

impl<'de> Deserialize<'de> for RequesterId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The place of an event in the one total order of the log: 1, 2, 3 … without a gap, equal to commit order.
/// 0 is the place before the first event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Position(pub i64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event in its ticket's stream, from 1. 0 is a stream without events.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Version(pub i32);

impl Version {
    /// Of a stream that holds nothing yet.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for TicketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TicketId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for TicketId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TicketId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^tkt_[0-9A-HJKMNP-TV-Z]{26}$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ticket_id_reads_back_as_itself(bits: u128) {
            let id = TicketId::new(Ulid::from(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_other_text_is_a_ticket_id(text in "\\PC{0,40}") {
            if let Ok(id) = text.parse::<TicketId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn deriving_twice_names_the_same_event() {
        let cause = EventId::new(Uuid::from_u128(7));
        assert_eq!(cause.derive("analysis"), cause.derive("analysis"));
        assert_ne!(cause.derive("analysis"), cause.derive("crm"));
    }

    #[test]
    fn a_requester_id_is_lower_case_hexadecimal() {
        assert!("00112233445566778899aabbccddeeff".parse::<RequesterId>().is_ok());
        assert!("00112233445566778899AABBCCDDEEFF".parse::<RequesterId>().is_err());
        assert!("ada@example.com".parse::<RequesterId>().is_err());
    }
}
