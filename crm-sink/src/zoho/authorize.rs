//! How an administrator gets the refresh token, once: a page of Zoho's where they consent, a code it gives them, and the
//! token for the code.

use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{
    ZohoSettings,
    data_centre::DataCentre,
    settings::{OauthClient, SettingsError},
};

/// The least the sink can do with; without deleting.
pub const SCOPES: &str =
    "ZohoCreator.form.CREATE,ZohoCreator.report.READ,ZohoCreator.report.UPDATE,ZohoCreator.meta.form.READ";
const TIMEOUT: Duration = Duration::from_secs(30);

/// An authorisation under way.
#[derive(Debug)]
pub struct Authorization {
    accounts: Url,
    client: OauthClient,
    redirect: String,
}

/// Why there is no refresh token.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// A setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody answers, or not in words.
    #[error("Zoho Accounts does not answer")]
    NoAnswer,
    /// The code.
    #[error("Zoho Accounts refuses the code: codes live two minutes and work once ({0})")]
    Refused(&'static str),
    /// The client.
    #[error("Zoho Accounts refuses the client: wrong id, wrong secret, or another data centre ({0})")]
    Client(&'static str),
    /// An access token without a refresh token.
    #[error("Zoho Accounts gave no refresh token: the address to consent at must ask for offline access")]
    NotOffline,
}

impl Authorization {
    /// For the client in `settings`, which Zoho knows under the address `redirect`.
    ///
    /// # Errors
    /// When the settings lack the client, or name a host that is not Zoho's.
    pub fn new(settings: &ZohoSettings, redirect: &str) -> Result<Self, AuthorizeError> {
        DataCentre::of_accounts(&settings.accounts_url)
            .ok_or(SettingsError::UnknownHost { setting: "ZOHO_ACCOUNTS_URL" })?;
        let client = settings.oauth_client()?;
        Ok(Self { accounts: settings.accounts_url.clone(), client, redirect: redirect.to_owned() })
    }

    /// Where the administrator consents. `prompt=consent`, because Zoho gives a refresh token on consent only.
    #[must_use]
    pub fn consent_url(&self) -> Url {
        let mut url = self.at("auth");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client.id)
            .append_pair("scope", SCOPES)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent");
        url
    }

    /// The refresh token for the code that the consent ended with.
    ///
    /// # Errors
    /// As [`AuthorizeError`]. A code works once: another try needs another code.
    pub async fn exchange(&self, code: &str) -> Result<SecretString, AuthorizeError> {
        let http = super::client::http(TIMEOUT).map_err(|_| AuthorizeError::NoAnswer)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client.id.as_str()),
            ("client_secret", self.client.secret.expose_secret()),
            ("redirect_uri", self.redirect.as_str()),
            ("code", code.trim()),
        ];
        let sent = http.post(self.at("token")).form(&form).send().await;
        let response = sent.map_err(|_| AuthorizeError::NoAnswer)?;
        let body = super::client::body(response).await.map_err(|_| AuthorizeError::NoAnswer)?;
        read(&body)
    }

    fn at(&self, name: &str) -> Url {
        let mut url = self.accounts.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["oauth", "v2", name]);
        }
        url
    }
}

/// The code from what an administrator pasted: itself, or the address that the browser ended at.
#[must_use]
pub fn code_in(pasted: &str) -> String {
    let pasted = pasted.trim();
    let in_address = Url::parse(pasted).ok().and_then(|url| {
        let code = url.query_pairs().find(|(name, _)| name == "code");
        code.map(|(_, code)| code.into_owned())
    });
    in_address.unwrap_or_else(|| pasted.to_owned())
}

/// Failures come with HTTP 200.
fn read(body: &[u8]) -> Result<SecretString, AuthorizeError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| AuthorizeError::NoAnswer)?;
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    match (text("refresh_token"), text("error")) {
        (Some(token), _) => Ok(token.into()),
        (None, Some("invalid_code")) => Err(AuthorizeError::Refused("invalid_code")),
        (None, Some("invalid_client")) => Err(AuthorizeError::Client("invalid_client")),
        (None, Some("invalid_client_secret")) => Err(AuthorizeError::Client("invalid_client_secret")),
        (None, Some("invalid_redirect_uri")) => Err(AuthorizeError::Client("invalid_redirect_uri")),
        (None, None) if text("access_token").is_some() => Err(AuthorizeError::NotOffline),
        (None, _) => Err(AuthorizeError::NoAnswer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_whatever_was_pasted() {
        for pasted in [
            "1000.ab.cd",
            " 1000.ab.cd\n",
            "http://127.0.0.1:8989/?code=1000.ab.cd&location=in&accounts-server=x",
        ] {
            assert_eq!(code_in(pasted), "1000.ab.cd");
        }
    }

    #[test]
    fn only_a_refresh_token_is_a_success() {
        let token = read(br#"{"access_token":"a","refresh_token":"1000.r","expires_in":3600}"#).unwrap();
        assert_eq!(token.expose_secret(), "1000.r");
        let refused = |body: &str| read(body.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(refused(r#"{"error":"invalid_code"}"#), AuthorizeError::Refused(_)));
        assert!(matches!(refused(r#"{"error":"invalid_client"}"#), AuthorizeError::Client(_)));
        assert!(matches!(refused(r#"{"access_token":"a"}"#), AuthorizeError::NotOffline));
        assert!(matches!(refused("<html>"), AuthorizeError::NoAnswer));
    }
}
