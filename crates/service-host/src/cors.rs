//! Which web pages may call the HTTP services.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
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

    /// Whether the page that sends these headers may call: it is of a listed origin, or of our own. Programs send no origin.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let authority =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        // Behind the gateway the name the page was served under is in the second header.
        let ours = [header::HOST, HeaderName::from_static("x-forwarded-host")];
        let is_ours = |name| headers.get(name).is_some_and(|host| host.to_str().ok() == authority);
        self.origins.iter().any(|Origin(listed)| listed == origin) || ours.into_iter().any(is_ours)
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
    fn a_page_calls_from_a_listed_origin_or_from_ours() {
        let cors = Cors { origins: vec!["http://localhost:5173".parse().unwrap()] };
        let allows = |lines: &[(&str, &str)]| {
            let line =
                |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            cors.allows(&lines.iter().map(line).collect())
        };
        assert!(allows(&[]) && allows(&[("origin", "http://localhost:5173")]));
        assert!(allows(&[("origin", "http://hub.example:8080"), ("host", "hub.example:8080")]));
        assert!(!allows(&[("origin", "http://evil.example"), ("host", "hub.example:8080")]));
        assert!(!allows(&[("origin", "null")]) && !allows(&[("origin", "null"), ("host", "hub.example")]));
    }

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
