//! Entity tags: a client that has the current answer is not sent it again. All of them are weak, because the same answer
//! is sent compressed or not (RFC 9110, section 8.8.3.3).

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use service_host::Problem;
use sha2::{Digest as _, Sha256};

use super::internal;
use crate::read_model::Ticket;

/// What stands between the quotation marks of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// Of a ticket: its version in the stream, and the position of the last event. Erasing its requester is no event of the
    /// ticket, but whoever has the tag of before must not go on showing the person: without one, the version stands alone.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        let Ticket { version, position, .. } = ticket;
        Self(if ticket.email.is_none() { version.to_string() } else { format!("{version}-{position}") })
    }

    fn of_bytes(body: &[u8]) -> Self {
        let hash = Sha256::digest(body);
        Self(hash[..12].iter().fold(String::new(), |tag, byte| format!("{tag}{byte:02x}")))
    }

    /// Whether `If-None-Match` names it (RFC 9110, section 13.1.2: weak comparison, a list, or `*`).
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let quoted = format!("\"{}\"", self.0);
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == quoted)
    }
}

/// The answer under its tag, or 304 for a client that has it.
///
/// # Errors
/// As `answer`.
pub fn tagged(
    headers: &HeaderMap,
    tag: &Tag,
    answer: impl FnOnce() -> Result<Response, Problem>,
) -> Result<Response, Problem> {
    let weak = [(header::ETAG, format!("W/\"{}\"", tag.0))];
    if tag.is_known(headers) {
        // What compression says of every answer that has a body.
        let varies = [(header::VARY, HeaderValue::from_static("accept-encoding"))];
        return Ok((StatusCode::NOT_MODIFIED, weak, varies).into_response());
    }
    Ok((weak, answer()?).into_response())
}

/// A JSON answer under the hash of what it says, or 304 for a client that has it.
///
/// # Errors
/// 500 for an answer that cannot be written as JSON.
pub fn tagged_json(headers: &HeaderMap, answer: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer).map_err(|error| internal(&error))?;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    tagged(headers, &Tag::of_bytes(&body), || Ok((json, body).into_response()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_alone_in_a_list_weakly_or_by_the_wildcard() {
        let known = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, value.parse().unwrap())]);
            Tag("3-7".to_owned()).is_known(&headers)
        };
        for value in ["\"3-7\"", "\"1-1\", \"3-7\"", "W/\"3-7\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"3-8\"", "3-7", ""] {
            assert!(!known(value), "{value}");
        }
    }
}
