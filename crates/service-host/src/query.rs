//! Query parameters. What cannot be read is refused with a problem that names the parameter, and nothing of it is replaced
//! or passed over.

use std::{error::Error as _, fmt};

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Query parameters of type `T`; unknown or malformed ones are refused with a problem.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        check_escapes(parts.uri.query().unwrap_or_default()).map_err(|error| unreadable(&error))?;
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(match rejection.source() {
                Some(why) => unreadable(&why),
                None => unreadable(&rejection),
            }),
        }
    }
}

fn unreadable(why: &dyn fmt::Display) -> Problem {
    Problem::bad_request(format!("the query cannot be read: {why}"))
}

/// Escapes that stand for no text, and where.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum BadEscape<'a> {
    #[error("{0}: after % come two hexadecimal digits (% itself is %25)")]
    Malformed(&'a str),
    #[error("{0}: the % escapes are not UTF-8")]
    NotUtf8(&'a str),
}

/// Whether every name and value says what it means: axum's reader leaves a malformed escape as it stands, and puts U+FFFD
/// where there is no UTF-8.
fn check_escapes(query: &str) -> Result<(), BadEscape<'_>> {
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        for text in [name, value] {
            let bytes = unescape(text).ok_or(BadEscape::Malformed(name))?;
            str::from_utf8(&bytes).map_err(|_| BadEscape::NotUtf8(name))?;
        }
    }
    Ok(())
}

/// The bytes that `text` stands for, if each of its `%` begins an escape.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, after) = part.split_at_checked(2)?;
        // The number's own reader would take a sign.
        let digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(after.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_whatever_of_it_is_escaped() {
        for query in ["", "&&", "q=Dr%C3%BCcker+100%25", "q=Drücker", "a%20b=c", "q=%f0%9F%98%80&limit=1"] {
            assert_eq!(check_escapes(query), Ok(()), "{query}");
        }
    }

    #[test]
    fn escapes_that_stand_for_no_text_are_refused_by_the_parameters_name() {
        for query in ["limit=1&q=%zz", "q=100%", "q=a%4", "q=%+f", "q=%%20", "q=%ü"] {
            assert_eq!(check_escapes(query), Err(BadEscape::Malformed("q")), "{query}");
        }
        // Neither a lone byte, nor one that is cut off, nor half a surrogate pair.
        for query in ["limit=1&q=%FF", "q=%C3", "q=%C3&%BC", "q=%ED%A0%80"] {
            assert_eq!(check_escapes(query), Err(BadEscape::NotUtf8("q")), "{query}");
        }
        assert_eq!(check_escapes("%FF=1"), Err(BadEscape::NotUtf8("%FF")));
    }
}
