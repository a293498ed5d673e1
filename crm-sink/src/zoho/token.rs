//! The access token: one for all calls, drawn ahead of its end, and drawn sparingly. Accounts gives ten tokens per refresh
//! token in ten minutes and then nothing for a while, and every asking in that while makes it longer.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    data_centre::DataCentre,
    settings::{Credentials, Endpoints},
};
use crate::metric;

/// Between two askings, whatever came of the first.
const SPACING: TimeDelta = TimeDelta::seconds(60);
/// After "Access Denied": too many askings. Reports say that 15 to 30 minutes without one are needed.
const LOCKED_OUT: TimeDelta = TimeDelta::minutes(20);
/// A token is not used in its last minutes: a call must not meet its end on the way.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Spread of that margin, seconds, so that processes do not ask in step.
const JITTER: i64 = 60;

/// Where tokens come from. One at a time: whoever comes second waits and gets the first one's token.
#[derive(Debug)]
pub struct Tokens {
    http: reqwest::Client,
    endpoints: Endpoints,
    credentials: Credentials,
    state: Mutex<State>,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// Accounts does not accept our credentials. Asking again would be the same again: a person must act.
    #[error("{0}")]
    Stopped(&'static str),
    /// Not before this time.
    #[error("waiting for an access token")]
    NotBefore(DateTime<Utc>),
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    next_asking: Option<DateTime<Utc>>,
    stopped: Option<&'static str>,
}

#[derive(Debug)]
struct Token {
    secret: SecretString,
    use_until: DateTime<Utc>,
}

impl Tokens {
    pub(super) fn new(http: reqwest::Client, endpoints: Endpoints, credentials: Credentials) -> Self {
        Self { http, endpoints, credentials, state: Mutex::default() }
    }

    /// The token in use, or a new one.
    ///
    /// # Errors
    /// As [`NoToken`].
    pub async fn get(&self, now: DateTime<Utc>) -> Result<SecretString, NoToken> {
        let mut state = self.state.lock().await;
        if let Some(secret) = state.usable(now)? {
            return Ok(secret);
        }
        state.next_asking = Some(now + SPACING);
        let granted = self.ask().await;
        let class = granted.as_ref().map_or_else(|refused| refused.name(), |_| "done");
        metric::request("token", class);
        tracing::info!(class, "asked for an access token");
        state.note(granted, now, self.endpoints.data_centre)
    }

    /// The CRM does not accept the token: the next one to ask gets another. Does nothing where that has happened already.
    pub async fn discard(&self, refused: &SecretString) {
        let mut state = self.state.lock().await;
        let current = state.token.as_ref().is_some_and(|token| same(&token.secret, refused));
        if current {
            state.token = None;
        }
    }

    /// Why there will be no token until somebody acts.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        // Locked means that Accounts is being asked right now: not stopped.
        self.state.try_lock().ok().and_then(|state| state.stopped)
    }

    /// Until when the token will be used, if there is one.
    #[must_use]
    pub fn use_until(&self) -> Option<DateTime<Utc>> {
        self.state.try_lock().ok().and_then(|state| state.token.as_ref().map(|token| token.use_until))
    }

    /// The form body keeps the secrets out of addresses, and so out of logs.
    async fn ask(&self) -> Result<Granted, AskRefused> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.credentials.client_id.as_str()),
            ("client_secret", self.credentials.client_secret.expose_secret()),
            ("refresh_token", self.credentials.refresh_token.expose_secret()),
        ];
        let asked = self.http.post(self.endpoints.token.clone()).form(&form).send().await;
        let response = asked.map_err(|_| AskRefused::NoAnswer)?;
        let body = super::client::body(response).await.map_err(|_| AskRefused::NoAnswer)?;
        read(&body)
    }
}

impl State {
    fn usable(&self, now: DateTime<Utc>) -> Result<Option<SecretString>, NoToken> {
        if let Some(token) = self.token.as_ref().filter(|token| now < token.use_until) {
            return Ok(Some(token.secret.clone()));
        }
        if let Some(problem) = self.stopped {
            return Err(NoToken::Stopped(problem));
        }
        match self.next_asking.filter(|earliest| now < *earliest) {
            Some(earliest) => Err(NoToken::NotBefore(earliest)),
            None => Ok(None),
        }
    }

    fn note(
        &mut self,
        granted: Result<Granted, AskRefused>,
        now: DateTime<Utc>,
        data_centre: &DataCentre,
    ) -> Result<SecretString, NoToken> {
        let problem = match granted {
            Ok(granted) if granted.is_for(data_centre) => {
                let use_until = now + granted.usable_for();
                self.token = Some(Token { secret: granted.secret.clone(), use_until });
                return Ok(granted.secret);
            }
            Ok(_) => "the access token is for another data centre",
            Err(AskRefused::Credentials(problem)) => problem,
            Err(AskRefused::TooOften) => {
                self.next_asking = Some(now + LOCKED_OUT);
                return Err(NoToken::NotBefore(now + LOCKED_OUT));
            }
            Err(AskRefused::NoAnswer) => return Err(NoToken::NotBefore(now + SPACING)),
        };
        tracing::error!(problem, "no more access tokens until somebody acts");
        self.stopped = Some(problem);
        Err(NoToken::Stopped(problem))
    }
}

/// What Accounts gave.
#[derive(Debug)]
struct Granted {
    secret: SecretString,
    lifetime: TimeDelta,
    api_domain: Option<String>,
}

impl Granted {
    /// Accounts names the gateway the token is good for; it must be the one we call.
    fn is_for(&self, data_centre: &DataCentre) -> bool {
        self.api_domain.as_ref().is_none_or(|domain| {
            domain.parse().is_ok_and(|url| DataCentre::of_gateway(&url) == Some(data_centre))
        })
    }

    /// Its life less a margin; half its life where it is short.
    fn usable_for(&self) -> TimeDelta {
        let jitter = TimeDelta::seconds(rand::random_range(0..=JITTER));
        (self.lifetime - MARGIN - jitter).max(self.lifetime / 2)
    }
}

/// Why Accounts gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskRefused {
    Credentials(&'static str),
    TooOften,
    NoAnswer,
}

impl AskRefused {
    const fn name(self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::TooOften => "locked-out",
            Self::NoAnswer => "unreachable",
        }
    }
}

/// Failures come with HTTP 200 as well: only a token is a success.
fn read(body: &[u8]) -> Result<Granted, AskRefused> {
    let body: Value = serde_json::from_slice(body).map_err(|_| AskRefused::NoAnswer)?;
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    if let Some(token) = text("access_token") {
        let lifetime = body["expires_in"].as_u64().map_or(3600, |seconds| seconds.min(3600));
        let lifetime = TimeDelta::from_std(Duration::from_secs(lifetime)).unwrap_or_default();
        let api_domain = text("api_domain").map(str::to_owned);
        return Ok(Granted { secret: token.into(), lifetime, api_domain });
    }
    Err(match text("error") {
        Some("invalid_code") => AskRefused::Credentials(
            "Zoho Accounts refuses the refresh token: revoked, or of another data centre",
        ),
        Some("invalid_client" | "invalid_client_secret") => AskRefused::Credentials(
            "Zoho Accounts refuses the client: wrong id, wrong secret, or another data centre",
        ),
        Some("Access Denied") => AskRefused::TooOften,
        _ => AskRefused::NoAnswer,
    })
}

fn same(left: &SecretString, right: &SecretString) -> bool {
    left.expose_secret() == right.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn local() -> &'static DataCentre {
        DataCentre::of_gateway(&"http://127.0.0.1:5002".parse().unwrap()).unwrap()
    }

    fn granted(json: &str) -> Granted {
        read(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_used_until_some_minutes_before_its_end() {
        let mut state = State::default();
        let token = granted(r#"{"access_token":"1000.a.b","expires_in":3600}"#);
        assert!(state.note(Ok(token), start(), local()).is_ok());
        assert!(state.usable(start() + TimeDelta::seconds(3600 - 361)).unwrap().is_some());
        assert!(state.usable(start() + TimeDelta::seconds(3600 - 300)).unwrap().is_none());
    }

    #[test]
    fn a_short_life_is_used_for_half_of_it() {
        let token = granted(r#"{"access_token":"t","expires_in":60}"#);
        assert_eq!(token.usable_for(), TimeDelta::seconds(30));
    }

    #[test]
    fn refused_credentials_are_never_tried_again() {
        for error in ["invalid_code", "invalid_client", "invalid_client_secret"] {
            let mut state = State::default();
            let refused = read(format!(r#"{{"error":"{error}"}}"#).as_bytes()).map(|_| unreachable!());
            assert!(matches!(state.note(refused, start(), local()), Err(NoToken::Stopped(_))), "{error}");
            let years_later = start() + TimeDelta::days(1000);
            assert!(matches!(state.usable(years_later), Err(NoToken::Stopped(_))));
        }
    }

    #[test]
    fn a_lockout_is_waited_out_in_silence() {
        let denied = r#"{"error_description":"You have made too many requests continuously.","error":"Access Denied","status":"failure"}"#;
        let mut state = State::default();
        let refused = read(denied.as_bytes()).map(|_| unreachable!());
        let later = NoToken::NotBefore(start() + LOCKED_OUT);
        assert_eq!(state.note(refused, start(), local()).unwrap_err(), later);
        assert_eq!(state.usable(start() + TimeDelta::minutes(19)).unwrap_err(), later);
    }

    #[test]
    fn a_success_without_a_token_is_no_success() {
        for body in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"expires_in":3600}"#] {
            assert_eq!(read(body.as_bytes()).unwrap_err(), AskRefused::NoAnswer, "{body}");
        }
    }

    #[test]
    fn a_token_of_another_gateway_is_not_sent_anywhere() {
        let mut state = State::default();
        let token = granted(r#"{"access_token":"t","api_domain":"https://www.zohoapis.eu"}"#);
        assert!(matches!(state.note(Ok(token), start(), local()), Err(NoToken::Stopped(_))));
    }
}
