//! Which web pages may call the HTTP services.

use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::CorsLayer;

/// The setting all services with clients in browsers share.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Cors {
    /// Origins of web pages that may call this API, separated by commas.
    #[arg(
        long = "cors-origins",
        env = "HUB_CORS_ORIGINS",
        value_delimiter = ',',
        default_value = "http://localhost:5173,http://127.0.0.1:5173"
    )]
    origins: Vec<Origin>,
}

/// The origin of a web page: scheme, host and port, as browsers send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The text is not one origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an origin without a path, for example http://localhost:5173; * is not supported")]
pub struct NotAnOrigin;

impl Cors {
    /// No page may call: for services that talk to programs only.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    pub(crate) fn layer(&self) -> CorsLayer {
        let origins: Vec<_> = self.origins.iter().map(|Origin(header)| header.clone()).collect();
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("idempotency-key"),
                HeaderName::from_static("prefer"),
            ])
            .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER])
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
    use super::*;

    #[test]
    fn an_origin_has_no_path_and_no_wildcard() {
        for text in ["http://localhost:5173", "https://hub.example"] {
            assert_eq!(text.parse::<Origin>().unwrap().0, text);
        }
        for text in ["*", "localhost:5173", "http://localhost:5173/", "http://a.example/b", "null", ""] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
    }
}
