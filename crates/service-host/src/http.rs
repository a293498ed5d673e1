//! Serving a router with the house's limits, headers, access log and metrics.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use metrics::{counter, histogram};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, timeout::RequestBodyTimeoutLayer,
};

use crate::{cors::Cors, problem::Problem};

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
    tracing::info!(address = %listener.local_addr()?, "serving");
    // A router served as it is would be made anew for every connection: 100 kB for each idle listener.
    let service = dress(router, &cors).into_make_service();
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
        // One layer made of all of them, because axum boxes each layer of a router and clones the box with every request.
        .layer((
            header_layer(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            header_layer(header::REFERRER_POLICY, "no-referrer"),
            header_layer(header::X_FRAME_OPTIONS, "DENY"),
            header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            from_fn(observe),
            CatchPanicLayer::custom(|_| {
                tracing::error!("a handler panicked");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
                    .into_response()
            }),
            from_fn(limit_time),
            from_fn(tell_preflights_apart),
            RequestBodyTimeoutLayer::new(BODY_TIMEOUT),
            DefaultBodyLimit::max(BODY_LIMIT),
            cors.layer(),
        ))
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// CORS takes every OPTIONS for a preflight. One that no browser sent asks what a path takes. No route takes OPTIONS or
/// TRACE, and the refusal of either says so.
async fn tell_preflights_apart(mut request: Request, next: Next) -> Response {
    let is_preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !is_preflight {
        *request.method_mut() = Method::TRACE;
    }
    next.run(request).await
}

async fn limit_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::unavailable("the request took too long", 5).into_response())
}

/// The access log and the request metrics. Paths are logged as routes, so that no id or query ends up in a label.
async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let (name, code) = (method_name(&method), status.to_string());
    counter!("http_requests_total", "method" => name, "route" => route.clone(), "status_code" => code)
        .increment(1);
    histogram!("http_request_duration_seconds", "method" => name, "route" => route.clone())
        .record(took.as_secs_f64());
    tracing::info!(%method, route, status, took_ms = took.as_secs_f64() * 1e3, "request");
    response
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
