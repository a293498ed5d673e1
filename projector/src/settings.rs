//! What can be set.

use std::str::FromStr;

use axum::http::{HeaderValue, Uri};
use service_host::settings::{Backbone, Listen};

/// Keeps the read model of tickets and answers queries from it.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "PROJECTOR_LISTEN", default_value = "127.0.0.1:3003")]
    pub listen: Listen,
    /// Origins of web pages that may call this API, separated by commas.
    #[arg(
        long,
        env = "HUB_CORS_ORIGINS",
        value_delimiter = ',',
        default_value = "http://localhost:5173,http://127.0.0.1:5173"
    )]
    pub cors_origins: Vec<Origin>,
}

/// The origin of a web page: scheme, host and port, as browsers send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The text is not one origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an origin without a path, for example http://localhost:5173; * is not supported")]
pub struct NotAnOrigin;

impl Origin {
    /// As it stands in the `Origin` header.
    #[must_use]
    pub const fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let uri: Uri = text.parse().map_err(|_| NotAnOrigin)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NotAnOrigin);
        };
        // Browsers compare the text: anything after the port would match no page.
        if text != format!("{scheme}://{authority}") {
            return Err(NotAnOrigin);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| NotAnOrigin)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }

    #[test]
    fn an_origin_has_no_path_and_no_wildcard() {
        for text in ["http://localhost:5173", "https://hub.example"] {
            assert_eq!(text.parse::<Origin>().unwrap().header(), text);
        }
        for text in ["*", "localhost:5173", "http://localhost:5173/", "http://a.example/b", "null", ""] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
    }
}
