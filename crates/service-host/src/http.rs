//! Serving a router with the house's limits, headers, access log and metrics.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use metrics::{counter, histogram};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

use crate::{cors::Cors, log_lines::ACCESS, problem::Problem};

/// Bytes a body may have; routes that take more say so themselves.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Longer than any `Prefer: wait` that is granted.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// A sender that falls silent does not keep a connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `router` until the process stops, then lets running requests finish.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    cors: Cors,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    // Not within the line of the log: where nobody reads that, nothing in it is done.
    let open_files = open_files::raise();
    tracing::info!(address = %listener.local_addr()?, open_files, "serving");
    // A router served as it is would be made anew for every connection: 100 kB for each idle listener.
    let service = dress(router, &cors).into_make_service();
    // The next line of a live stream shall not wait until the client has acknowledged the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection gathers what is sent");
        }
    });
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}

/// The router with everything a request passes through, outermost first. Public so that tests exercise the same.
pub fn dress(router: Router, cors: &Cors) -> Router {
    router
        // The fallbacks come before the layers, so that a preflight (an OPTIONS that no route takes) meets them too.
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        // One layer made of all of them, because axum boxes each layer of a router and clones the box with every request; for
        // the same reason what is ours is one function.
        .layer((
            from_fn(pass),
            CatchPanicLayer::custom(|_| {
                tracing::error!("a handler panicked");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
                    .into_response()
            }),
            RequestBodyTimeoutLayer::new(BODY_TIMEOUT),
            DefaultBodyLimit::max(BODY_LIMIT),
            cors.layer(),
        ))
}

async fn pass(request: Request, next: Next) -> Response {
    let seen = Seen::now(&request);
    let mut response = limit_time(next.run(tell_preflights_apart(request))).await;
    protect(response.headers_mut());
    seen.note(response.status());
    response
}

/// CORS takes every OPTIONS for a preflight. One that no browser sent asks what a path takes. No route takes OPTIONS or
/// TRACE, and the refusal of either says so.
fn tell_preflights_apart(mut request: Request) -> Request {
    let is_preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !is_preflight {
        *request.method_mut() = Method::TRACE;
    }
    request
}

async fn limit_time(response: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(REQUEST_TIMEOUT, response)
        .await
        .unwrap_or_else(|_| Problem::unavailable("the request took too long", 5).into_response())
}

/// What browsers shall not do with an answer, unless it says otherwise itself.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// What the access log and the request metrics remember of a request. Paths are logged as routes, so that no id or query
/// ends up in a label.
struct Seen {
    since: Instant,
    method: &'static str,
    route: String,
}

impl Seen {
    fn now(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
        Self { since: Instant::now(), method: method_name(request.method()), route: route.to_owned() }
    }

    fn note(self, status: StatusCode) {
        let Self { since, method, route } = self;
        let took = since.elapsed().as_secs_f64();
        tracing::info!(target: ACCESS, method, route, status = status.as_u16(), took_ms = took * 1e3, "request");
        histogram!("http_request_duration_seconds", "method" => method, "route" => route.clone())
            .record(took);
        let code = status.as_str().to_owned();
        counter!("http_requests_total", "method" => method, "route" => route, "status_code" => code)
            .increment(1);
    }
}

/// A label that costs nothing, and that no client can invent.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    #[tokio::test]
    async fn a_service_may_open_as_many_connections_as_the_system_allows_whatever_it_logs() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(512), maximum }).unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        serve(listener, Router::new(), Cors::none(), stop).await.unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, maximum);
    }
}
