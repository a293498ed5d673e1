//! One number for a run of events, equal exactly when log and bus hold the same bytes in the same order.

use schemas::{EventId, Position};
use sha2::{Digest as _, Sha256};

/// SHA-256 over position, id, length and bytes of each event, in order.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds the next event.
    pub fn add(&mut self, position: Position, id: EventId, payload: &[u8]) {
        self.0.update(position.0.to_be_bytes());
        self.0.update(id.as_uuid().as_bytes());
        // Without the length, bytes could move from one event to its neighbour unnoticed.
        self.0.update((payload.len() as u64).to_be_bytes());
        self.0.update(payload);
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(events: &[(i64, u128, &str)]) -> String {
        let mut digest = Digest::default();
        for (position, id, payload) in events {
            digest.add(Position(*position), EventId::new(uuid::Uuid::from_u128(*id)), payload.as_bytes());
        }
        digest.finish()
    }

    #[test]
    fn every_part_of_every_event_counts() {
        let events = [(1, 7, "ab"), (2, 8, "c")];
        assert_eq!(digest(&events), digest(&events));
        for other in [
            [(1, 7, "a"), (2, 8, "bc")],
            [(3, 7, "ab"), (2, 8, "c")],
            [(1, 9, "ab"), (2, 8, "c")],
            [(2, 8, "c"), (1, 7, "ab")],
        ] {
            assert_ne!(digest(&events), digest(&other));
        }
    }
}
