//! Request bodies. A body that cannot be read is refused with a problem that says where and why, and never with the
//! framework's plain text.

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Nested objects and lists a body may have; nothing of ours needs more than a few.
const DEPTH: usize = 32;

/// A JSON body of type `T`, together with its bytes (which idempotency fingerprints).
#[derive(Debug)]
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// Its exact bytes.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be JSON: send Content-Type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), "the body is too large or was cut off"))?;
        if depth(&bytes) > DEPTH {
            return Err(Problem::bad_request(format!("the body is nested deeper than {DEPTH} levels")));
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| explain(&error))?;
        Ok(Self { value, bytes })
    }
}

fn is_json(request: &Request) -> bool {
    let media_type =
        request.headers().get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|text| {
        let essence = text.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    })
}

/// Where reading stopped and why. The values in serde's messages are the client's own.
fn explain(error: &serde_json::Error) -> Problem {
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
    Problem::bad_request(format!(
        "the body cannot be read: {why} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

/// The deepest nesting of brackets outside of strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => now += 1,
            (false, b'}' | b']') => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_count_outside_of_strings_only() {
        assert_eq!(depth(br#"{"a":[{"b":"[[[\"[{"}]}"#), 3);
        assert_eq!(depth(b"]]]["), 1);
    }
}
