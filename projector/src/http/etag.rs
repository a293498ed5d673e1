//! Entity tags: a client that has the current ticket is not sent it again.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use service_host::Problem;
use sha2::{Digest as _, Sha256};

use super::internal;
use crate::read_model::Ticket;

/// The tag of a ticket: its version in the stream, and the position of the last event.
#[must_use]
pub fn of(ticket: &Ticket) -> String {
    format!("\"{}-{}\"", ticket.version, ticket.position)
}

/// A JSON answer under the hash of what it says, or 304 for a client that has it. The tag is weak: the same answer may be
/// compressed or not.
///
/// # Errors
/// 500 for an answer that cannot be written as JSON.
pub fn tagged(headers: &HeaderMap, answer: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer).map_err(|error| internal(&error))?;
    let hash = Sha256::digest(&body);
    let tag = hash[..12].iter().fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"));
    let tag = format!("\"{tag}\"");
    let weak = [(header::ETAG, format!("W/{tag}"))];
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, weak).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((weak, json, body).into_response())
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
