//! Zoho Accounts: `POST /oauth/v2/token`, with `grant_type=refresh_token` or `authorization_code`.
//!
//! Its failures come in its own words, mostly with HTTP 200.

use axum::{
    Form, Json,
    extract::{Query, State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{grants::Consent, settings::Credentials, world::Shared};

type Pairs = Vec<(String, String)>;

/// Zoho documents the parameters as a query, clients send them as a form: both count.
pub(crate) async fn token(
    State(shared): State<Shared>,
    Query(query): Query<Pairs>,
    form: Result<Form<Pairs>, FormRejection>,
) -> Response {
    let parameters = Parameters([query, form.map(|Form(pairs)| pairs).unwrap_or_default()].concat());
    let granted = parameters.check(&shared.settings.credentials).and_then(|grant| match grant {
        Grant::Refresh => Ok(Consent { offline: false }),
        Grant::Code(code) => {
            let (now, address) = (shared.now(), parameters.get("redirect_uri"));
            shared.world().grants.redeem(code, address, now)
        }
    });
    match granted {
        Ok(consent) => issue(&shared, &consent),
        Err(error) => Json(json!({"error": error})).into_response(),
    }
}

/// What a token is asked for.
enum Grant<'a> {
    Refresh,
    Code(&'a str),
}

struct Parameters(Pairs);

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn check(&self, known: &Credentials) -> Result<Grant<'_>, &'static str> {
        let is = |name, value: &str| self.get(name) == Some(value);
        if !is("client_id", &known.client_id) {
            Err("invalid_client")
        } else if !is("client_secret", &known.client_secret) {
            Err("invalid_client_secret")
        } else if is("grant_type", "authorization_code") {
            self.get("code").map(Grant::Code).ok_or("invalid_code")
        } else if !is("grant_type", "refresh_token") {
            Err("unsupported_grant_type")
        } else if !is("refresh_token", &known.refresh_token) {
            Err("invalid_code")
        } else {
            Ok(Grant::Refresh)
        }
    }
}

/// An access token, and after a consent to work offline the refresh token too.
fn issue(shared: &Shared, consent: &Consent) -> Response {
    let (settings, now) = (&shared.settings, shared.now());
    let issued = shared.change(|world| {
        let issued = world.tokens.issue(now, &settings.tokens, &mut world.ids);
        match &issued {
            Ok(token) => {
                world.counters.tokens_issued += 1;
                world.counters.tokens_evicted += token.evicted;
            }
            Err(_) => world.counters.violations.refresh += 1,
        }
        issued
    });
    match issued {
        Ok(Ok(token)) => {
            let mut answer = success(shared, &token.text);
            if consent.offline {
                answer["refresh_token"] = settings.credentials.refresh_token.clone().into();
            }
            Json(answer).into_response()
        }
        Ok(Err(_)) => access_denied(settings.quirks.access_denied_ok),
        Err(refusal) => refusal.into_response(),
    }
}

fn success(shared: &Shared, token: &str) -> Value {
    json!({
        "access_token": token,
        "scope": shared.settings.credentials.scopes.join(" "),
        "api_domain": shared.base_url,
        "token_type": "Bearer",
        "expires_in": shared.settings.tokens.seconds,
    })
}

pub(crate) fn access_denied(with_ok: bool) -> Response {
    let status = if with_ok { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let body = json!({
        "error_description":
            "You have made too many requests continuously. Please try again after some time.",
        "error": "Access Denied",
        "status": "failure",
    });
    (status, Json(body)).into_response()
}
