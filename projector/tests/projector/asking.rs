//! Asking like a client.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::hub::Hub;

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Reply {
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Reply { status, headers, text: String::from_utf8(body.into()).unwrap() }
}

impl Hub {
    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.router(), Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The `data` of a successful answer.
    pub(crate) async fn data(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        let mut json = reply.json();
        assert_eq!(json["success"], true, "{path}");
        json["data"].take()
    }

    /// Asserts that the answer is a problem with this status, and hands over its explanation.
    pub(crate) async fn refusal(&self, path: &str, status: StatusCode) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
        let json = reply.json();
        assert_eq!(json["success"], false, "{path}");
        json["detail"].as_str().unwrap().to_owned()
    }
}
