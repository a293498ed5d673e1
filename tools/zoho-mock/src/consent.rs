//! How a grant code comes about: the page of Accounts where an administrator consents, and the console of a self client.
//! Nobody is asked anything; whoever comes consents.

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{accounts, world::Shared};

/// What the page is asked with.
#[derive(Deserialize)]
pub(crate) struct Asked {
    client_id: Option<String>,
    response_type: Option<String>,
    redirect_uri: Option<String>,
    access_type: Option<String>,
}

/// `GET /oauth/v2/auth`: sends the browser back with a code, as after a click on "Accept".
pub(crate) async fn page(State(shared): State<Shared>, Query(asked): Query<Asked>) -> Response {
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    if asked.client_id.as_deref() != Some(&shared.settings.credentials.client_id) {
        return refuse("invalid_client");
    }
    if asked.response_type.as_deref() != Some("code") {
        return refuse("invalid_response_type");
    }
    let Some(redirect_uri) = asked.redirect_uri.filter(|uri| !uri.is_empty()) else {
        return refuse("invalid_redirect_uri");
    };
    let offline = asked.access_type.as_deref() == Some("offline");
    let Some(code) = grant(&shared, Some(redirect_uri.clone()), offline) else {
        return accounts::access_denied(shared.settings.quirks.access_denied_ok);
    };
    let back = back_to(&redirect_uri, &code, &shared.base_url);
    match HeaderValue::try_from(back) {
        Ok(back) => (StatusCode::FOUND, [(header::LOCATION, back)]).into_response(),
        Err(_) => refuse("invalid_redirect_uri"),
    }
}

/// `POST /__mock/grant-codes`: the code that the API console would show.
pub(crate) async fn self_client(State(shared): State<Shared>) -> Response {
    match grant(&shared, None, true) {
        Some(code) => Json(json!({"code": code})).into_response(),
        None => accounts::access_denied(shared.settings.quirks.access_denied_ok),
    }
}

fn grant(shared: &Shared, redirect_uri: Option<String>, offline: bool) -> Option<String> {
    let now = shared.now();
    let mut world = shared.world();
    let world = &mut *world;
    world.grants.issue(now, redirect_uri, offline, &mut world.ids)
}

fn back_to(redirect_uri: &str, code: &str, accounts: &str) -> String {
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    let accounts = accounts.replace(':', "%3A").replace('/', "%2F");
    format!("{redirect_uri}{separator}code={code}&location=us&accounts-server={accounts}")
}
