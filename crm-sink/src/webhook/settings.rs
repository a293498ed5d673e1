//! Where webhooks go, and the secret that signs them.

use std::path::PathBuf;

use reqwest::Url;

use super::signature::Secret;

/// Where webhooks go.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Webhook")]
pub struct WebhookSettings {
    /// Address of the receiver: https, or anything on this machine.
    #[arg(long = "webhook-url", env = "CRM_WEBHOOK_URL")]
    pub url: Option<Url>,
    /// File with the secret shared with the receiver: `whsec_` and 24 to 64 bytes in base64.
    #[arg(long = "webhook-secret-file", env = "CRM_WEBHOOK_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is not set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// Messages hold personal data: they do not travel in clear text.
    #[error("CRM_WEBHOOK_URL is neither https nor a loopback address")]
    NotSecure,
    /// The secret's file.
    #[error("the file in CRM_WEBHOOK_SECRET_FILE cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// What is in it. Never says what.
    #[error("the file in CRM_WEBHOOK_SECRET_FILE holds no whsec_ secret of 24 to 64 bytes")]
    NoSecret,
}

impl WebhookSettings {
    /// The checked address.
    ///
    /// # Errors
    /// As [`SettingsError`].
    pub fn address(&self) -> Result<Url, SettingsError> {
        let url = self.url.clone().ok_or(SettingsError::Missing("CRM_WEBHOOK_URL"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(url),
            "http" if loopback => Ok(url),
            _ => Err(SettingsError::NotSecure),
        }
    }

    /// The secret.
    ///
    /// # Errors
    /// As [`SettingsError`].
    pub fn secret(&self) -> Result<Secret, SettingsError> {
        let file = self.secret_file.as_ref().ok_or(SettingsError::Missing("CRM_WEBHOOK_SECRET_FILE"))?;
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).map_err(SettingsError::Unreadable)?);
        Secret::parse(text.trim()).ok_or(SettingsError::NoSecret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Url, SettingsError> {
        WebhookSettings { url: Some(url.parse().unwrap()), secret_file: None }.address()
    }

    #[test]
    fn personal_data_does_not_travel_in_clear_text() {
        assert!(address("https://desk.example/hooks").is_ok());
        assert!(address("http://127.0.0.1:9000/hooks").is_ok());
        assert!(matches!(address("http://desk.example/hooks"), Err(SettingsError::NotSecure)));
        assert!(matches!(address("ftp://127.0.0.1/"), Err(SettingsError::NotSecure)));
    }
}
