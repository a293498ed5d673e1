//! Entity tags: a client that has the current ticket is not sent it again.

use axum::http::{HeaderMap, header};

use crate::read_model::Ticket;

/// The tag of a ticket: its version in the stream, and the position of the last event.
#[must_use]
pub fn of(ticket: &Ticket) -> String {
    format!("\"{}-{}\"", ticket.version, ticket.position)
}

/// Whether `If-None-Match` names `tag` (RFC 9110, section 13.1.2: weak comparison, a list, or `*`).
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_alone_in_a_list_weakly_or_by_the_wildcard() {
        let known = |value: &'static str| {
            is_known(&HeaderMap::from_iter([(header::IF_NONE_MATCH, value.parse().unwrap())]), "\"3-7\"")
        };
        for value in ["\"3-7\"", "\"1-1\", \"3-7\"", "W/\"3-7\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"3-8\"", "3-7", ""] {
            assert!(!known(value), "{value}");
        }
    }
}
