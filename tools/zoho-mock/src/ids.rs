//! Record ids and access tokens, both drawn from one seed: the same seed and the same calls give the same ids.

use std::{fmt, str::FromStr};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Every account's ids share their leading digits; seven of them keep 19 digits within an `i64`.
const ACCOUNT_UNIT: u64 = 1_000_000_000_000;

/// A Creator record ID: 19 decimal digits, written as text because it exceeds what a JSON number keeps exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u64);

impl RecordId {
    /// The ID as a number, for the answers that send it as one.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RecordId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The source of ids. Two counters, so that a restart continues where the saved state ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ids {
    seed: u64,
    records: u64,
    tokens: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, records: 0, tokens: 0 }
    }

    /// The next record ID; later is greater.
    pub(crate) fn next_record(&mut self) -> RecordId {
        self.records += 1;
        let account = StdRng::seed_from_u64(self.seed).random_range(1_000_000..9_000_000_u64);
        // Zoho counts every object of an account, so real ids of one form have gaps too.
        RecordId(account * ACCOUNT_UNIT + 20_003 + self.records * 2)
    }

    /// The next access token, in Zoho's shape `1000.<32 hex>.<32 hex>`.
    pub(crate) fn next_token(&mut self) -> String {
        self.tokens += 1;
        let mut rng = StdRng::seed_from_u64(self.seed ^ self.tokens.rotate_left(32));
        let halves: [[u8; 16]; 2] = [rng.random(), rng.random()];
        format!("1000.{}.{}", hex::encode(halves[0]), hex::encode(halves[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_nineteen_digits_and_fit_an_i64() {
        for seed in 0..200 {
            let id = Ids::new(seed).next_record();
            assert_eq!(id.to_string().len(), 19);
            assert!(i64::try_from(id.number()).is_ok());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_tokens() {
        let (mut one, mut two) = (Ids::new(7), Ids::new(7));
        assert_eq!(one.next_record(), two.next_record());
        assert_eq!(one.next_token(), two.next_token());
        assert_ne!(one.next_token(), two.next_record().to_string());
        assert_ne!(one.next_token(), one.next_token());
    }
}
