//! Which tickets are held out, and the folds of cross-validation. Both follow from the id alone, so that adding
//! tickets never moves an old one from one side to the other. Tickets that are only there to learn from bear ids
//! whose hash does not hold them out: those numbered from 500 on, so that figures of all revisions compare.
//!
//! Tickets of the log have ids made of their text, so that the same text, sent twice, is never on both sides.

use sha2::{Digest as _, Sha256};

use super::dataset::Example;

/// One ticket in this many is held out.
const HOLD_OUT: u64 = 5;

/// In ids made of a text, what stands before it decides; what follows tells tickets of the same text apart.
const APART: char = '#';

/// The id of a ticket that shall be on the side of whatever has the id `deciding`.
#[must_use]
pub fn id_beside(deciding: &str, ticket: impl std::fmt::Display) -> String {
    format!("{deciding}{APART}{ticket}")
}

/// What decides about a text that no labelled ticket has.
#[must_use]
pub fn id_of_text(normalised: &str) -> String {
    format!("text-{}", hex::encode(Sha256::digest(normalised.as_bytes())))
}

/// The tickets to learn from and the ones never learned from.
#[must_use]
pub fn split(examples: Vec<Example>) -> (Vec<Example>, Vec<Example>) {
    examples.into_iter().partition(|example| !is_held_out(&example.id))
}

/// Whether the ticket is never learned from.
#[must_use]
pub fn is_held_out(id: &str) -> bool {
    hash(deciding(id)).is_multiple_of(HOLD_OUT)
}

/// The fold of cross-validation a ticket belongs to.
#[must_use]
pub fn fold(id: &str, folds: u64) -> u64 {
    // Salted: the hold-out took one remainder of the plain hash away.
    hash(&format!("fold:{}", deciding(id))) % folds
}

fn deciding(id: &str) -> &str {
    id.split_once(APART).map_or(id, |(deciding, _)| deciding)
}

fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_fifth_is_held_out() {
        let held_out = (0..1000).filter(|n| is_held_out(&format!("net-{n:03}"))).count();
        assert!((160..=240).contains(&held_out), "{held_out} of 1000");
    }

    #[test]
    fn the_side_of_a_ticket_never_changes() {
        let held_out: Vec<_> = (1..=20).map(|n| format!("net-{n:03}")).filter(|id| is_held_out(id)).collect();
        assert_eq!(held_out, ["net-003", "net-007", "net-013", "net-020"]);
    }

    #[test]
    fn the_same_text_is_on_one_side_and_in_one_fold_whoever_sent_it() {
        for text in (0..100).map(|n| id_of_text(&format!("srv{n}isdown"))) {
            let (one, other) = (id_beside(&text, "01A"), id_beside(&text, "01B"));
            assert_ne!(one, other);
            assert_eq!((is_held_out(&one), fold(&one, 5)), (is_held_out(&other), fold(&other, 5)));
        }
        assert!(is_held_out(&id_beside("net-003", "01A")) && !is_held_out(&id_beside("net-001", "01A")));
    }

    #[test]
    fn every_fold_gets_tickets() {
        let mut sizes = [0; 5];
        for n in 0..500 {
            sizes[fold(&format!("net-{n:03}"), 5) as usize] += 1;
        }
        assert!(sizes.iter().all(|&size| size > 50), "{sizes:?}");
    }
}
