//! The checks before a call is looked at: accept header, token, scope, environment, names.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};

use crate::{
    codes,
    counters::CallKind,
    envelope::Refusal,
    settings::{Environments, Names, Settings},
    tokens::Tokens,
};

/// `Zoho-oauthtoken <token>`; `Bearer` is not understood.
const SCHEME: &str = "Zoho-oauthtoken ";

/// A data call must accept exactly JSON; `*/*`, a list or nothing at all is refused.
pub(crate) fn check_accept(kind: CallKind, headers: &HeaderMap) -> Result<(), Refusal> {
    let accepts = headers.get(header::ACCEPT).map(axum::http::HeaderValue::as_bytes);
    if kind.is_data() && accepts != Some(b"application/json") {
        return Err(Refusal::new(codes::BAD_ACCEPT));
    }
    Ok(())
}

/// A missing token and a dead one get the same answer.
pub(crate) fn check_token(tokens: &Tokens, headers: &HeaderMap, now: DateTime<Utc>) -> Result<(), Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix(SCHEME));
    match token {
        Some(token) if tokens.is_valid(token.trim(), now) => Ok(()),
        _ => Err(Refusal::new(codes::BAD_TOKEN)),
    }
}

/// The scopes of the refresh token must cover the call.
pub(crate) fn check_scope(kind: CallKind, settings: &Settings) -> Result<(), Refusal> {
    let held = &settings.credentials.scopes;
    match kind.scope() {
        Some(needed) if !held.iter().any(|scope| scope == needed) => Err(Refusal::new(codes::WRONG_SCOPE)),
        _ => Ok(()),
    }
}

/// An application that was never moved to environments answers any `environment` header with an error.
pub(crate) fn check_environment(mode: Environments, headers: &HeaderMap) -> Result<(), Refusal> {
    let asked = headers.get("environment").map(|value| value.to_str().unwrap_or_default());
    let known = asked.is_some_and(|name| matches!(name, "production" | "development" | "stage"));
    let fits = match mode {
        Environments::Refused => asked.is_none(),
        Environments::Optional => asked.is_none() || known,
        Environments::Required => known,
    };
    if fits { Ok(()) } else { Err(Refusal::new(codes::NO_ENVIRONMENTS)) }
}

/// Owner and application of the path.
pub(crate) fn check_app(names: &Names, owner: &str, app: &str) -> Result<(), Refusal> {
    if owner != names.owner {
        return Err(Refusal::about(codes::NO_OWNER, format_args!("\"{owner}\" found.")));
    }
    if app != names.app {
        return Err(Refusal::about(codes::NO_APP, format_args!("{app} found. Please check and try again.")));
    }
    Ok(())
}

/// Form of the path.
pub(crate) fn check_form(names: &Names, form: &str) -> Result<(), Refusal> {
    if form == names.form {
        return Ok(());
    }
    Err(Refusal::about(codes::NO_FORM, format_args!("{form} found. Please check and try again.")))
}

/// Report of the path.
pub(crate) fn check_report(names: &Names, report: &str) -> Result<(), Refusal> {
    if report == names.report {
        return Ok(());
    }
    Err(Refusal::about(codes::NO_REPORT, format_args!("{report} found. Please check and try again.")))
}
