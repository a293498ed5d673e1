//! What lists can be ordered by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::queries::page::Key;

/// The order of a list, by a member of the tickets; with `-` before it the largest comes first. Tickets that are equal
/// in it are ordered by their creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Sort {
    /// The newest ticket first.
    #[default]
    #[serde(rename = "newest", alias = "-createdAt")]
    Newest,
    /// The oldest ticket first.
    #[serde(rename = "oldest", alias = "createdAt")]
    Oldest,
    /// The ticket that changed last first.
    #[serde(rename = "-updatedAt")]
    LatestChange,
    /// The ticket that nothing happened to for the longest time first.
    #[serde(rename = "updatedAt")]
    EarliestChange,
    /// The most urgent ticket first; those without an analysis last.
    #[serde(rename = "-urgency")]
    MostUrgent,
    /// The least urgent ticket first.
    #[serde(rename = "urgency")]
    LeastUrgent,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Newest,
        Self::Oldest,
        Self::LatestChange,
        Self::EarliestChange,
        Self::MostUrgent,
        Self::LeastUrgent,
    ];

    /// Its name in a cursor.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::LatestChange => "-updatedAt",
            Self::EarliestChange => "updatedAt",
            Self::MostUrgent => "-urgency",
            Self::LeastUrgent => "urgency",
        }
    }

    /// What it orders by.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Self::Newest | Self::Oldest => Key::Created,
            Self::LatestChange | Self::EarliestChange => Key::Updated,
            Self::MostUrgent | Self::LeastUrgent => Key::Urgency,
        }
    }

    /// Whether the largest comes first.
    #[must_use]
    pub const fn descending(self) -> bool {
        matches!(self, Self::Newest | Self::LatestChange | Self::MostUrgent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_names_are_those_of_the_wire() {
        for sort in Sort::ALL {
            assert_eq!(json!(sort), sort.name());
        }
    }
}
