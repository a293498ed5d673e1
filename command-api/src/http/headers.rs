//! What clients ask for in headers.

use axum::http::{HeaderMap, HeaderName, header};
use schemas::Version;
use service_host::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of an idempotency key at most.
const KEY_CHARS: usize = 255;

/// The key under which the client may ask twice.
///
/// # Errors
/// 400 for a key that is empty, too long or unprintable.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_CHARS).contains(&key.len()));
    key.map(Some)
        .ok_or_else(|| Problem::bad_request("Idempotency-Key must have 1 to 255 printable ASCII characters"))
}

/// The version the ticket must be at: `If-Match` with a version (`3`), or with the entity tag of the ticket, which is
/// its version and its last position (`W/"3-17"`). Reads and commands give weak tags, because a ticket is sent compressed or
/// not. Of a strong comparison (RFC 9110, section 13.1.1) none would be left; what is compared is the version in it, which
/// is the same in all that was ever sent of it.
///
/// # Errors
/// 400 for anything else, a list included: a ticket is at one version.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Version>, Problem> {
    let values: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
    let [value] = values.as_slice() else {
        return if values.is_empty() { Ok(None) } else { Err(no_version()) };
    };
    match value.to_str().map(str::trim) {
        // The ticket must exist, as for every command.
        Ok("*") => Ok(None),
        Ok(tag) => version(tag).map(Some).ok_or_else(no_version),
        Err(_) => Err(no_version()),
    }
}

fn version(tag: &str) -> Option<Version> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let tag = tag.strip_prefix('"').map_or(Some(tag), |tag| tag.strip_suffix('"'))?;
    let (version, position) = tag.split_once('-').map_or((tag, None), |(v, p)| (v, Some(p)));
    if position.is_some_and(|position| number(position).is_none()) {
        return None;
    }
    i32::try_from(number(version)?).ok().map(Version)
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn no_version() -> Problem {
    Problem::bad_request(
        "If-Match must be a ticket's version, such as \"3\", or its ETag, such as W/\"3-17\"",
    )
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn required(values: &[&'static str]) -> Result<Option<Version>, Problem> {
        let line = |value: &&'static str| (header::IF_MATCH, HeaderValue::from_static(value));
        let mut headers = HeaderMap::new();
        for (name, value) in values.iter().map(line) {
            headers.append(name, value);
        }
        if_match(&headers)
    }

    #[test]
    fn a_version_is_required_by_its_number_or_by_the_tickets_tag() {
        for value in ["3", "\"3\"", "W/\"3\"", "\"3-17\"", "W/\"3-17\"", "3-17", " 3 "] {
            assert_eq!(required(&[value]), Ok(Some(Version(3))), "{value}");
        }
    }

    #[test]
    fn without_a_version_nothing_is_required() {
        assert_eq!(required(&[]), Ok(None));
        assert_eq!(required(&["*"]), Ok(None));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for value in
            ["", "\"\"", "\"3", "3\"", "-3", "+3", "3.0", "\"3-\"", "\"3-x\"", "\"-7\"", "99999999999", "abc"]
        {
            assert!(required(&[value]).is_err(), "{value}");
        }
        assert!(required(&["\"3\", \"4\""]).is_err());
        assert!(required(&["3", "3"]).is_err());
    }
}
