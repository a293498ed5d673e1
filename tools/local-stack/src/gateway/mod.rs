//! One address for clients: commands go to the command side, reads to the query side.
//!
//! | method | goes to |
//! | --- | --- |
//! | POST, PUT, PATCH, DELETE | commands (command-api) |
//! | GET, HEAD, OPTIONS | queries (projector) |
//! | any other | 405 |
//!
//! `GET /gateway/health` is answered by the gateway itself. Bodies stream both ways (server-sent events, uploads).
//! Headers pass untouched, but for those of the connection and those that tell a client's address, which a client
//! must not choose: the upstream gets `X-Forwarded-For` from this gateway alone.

mod problem;

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::Request,
    middleware::{map_request, map_response},
    response::Response,
    routing::{MethodFilter, get, on_service},
    serve::ListenerExt as _,
};
use axum_reverse_proxy::{ProxyError, ReverseProxy};
use tokio::{net::TcpListener, sync::oneshot};

use crate::error::{Doing, Result};

/// Where the two sides listen.
#[derive(Debug, Clone, Copy)]
pub struct Upstreams {
    /// The command side.
    pub commands: SocketAddr,
    /// The query side.
    pub queries: SocketAddr,
}

/// A running gateway. Dropping it closes the address; answers that are under way are finished.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    /// Dropped with the gateway, which the serving task waits for.
    _open: oneshot::Sender<()>,
}

impl Gateway {
    /// Binds `address` (port 0: any free one) and serves in the background.
    pub async fn start(address: SocketAddr, upstreams: &Upstreams) -> Result<Self> {
        let doing = || format!("listen on {address} for the gateway");
        let listener = TcpListener::bind(address).await.doing(doing)?;
        let address = listener.local_addr().doing(doing)?;
        // Each client is two connections here, one of them to a service.
        let open_files = open_files::raise();
        tracing::debug!(%address, open_files, "the gateway listens");
        // A line of a live stream does not wait until the one before is acknowledged; where that cannot be set, it waits.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let service = router(upstreams).into_make_service_with_connect_info::<SocketAddr>();
        let (open, closed) = oneshot::channel();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async { drop(closed.await) });
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the gateway stopped");
            }
        });
        Ok(Self { address, _open: open })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root of every route, for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What changes something.
const COMMANDS: MethodFilter =
    MethodFilter::POST.or(MethodFilter::PUT).or(MethodFilter::PATCH).or(MethodFilter::DELETE);
/// What only asks.
const QUERIES: MethodFilter = MethodFilter::GET.or(MethodFilter::HEAD).or(MethodFilter::OPTIONS);

/// The table of this module.
fn router(upstreams: &Upstreams) -> Router {
    let proxy = |address: SocketAddr| ReverseProxy::new("", format!("http://{address}"));
    let sides = on_service(COMMANDS, proxy(upstreams.commands))
        .on_service(QUERIES, proxy(upstreams.queries))
        .layer(map_request(remove_claimed_addresses))
        .layer(map_response(name_failures));
    let health = || async { Json(serde_json::json!({ "status": "ok" })) };
    Router::new()
        .route("/gateway/health", get(health))
        .fallback_service(sides.fallback(refuse_method))
        .method_not_allowed_fallback(refuse_method)
}

async fn refuse_method() -> Response {
    problem::method_not_allowed()
}

/// The gateway is the edge: what a client says about addresses is a claim, and rate limits count by address.
async fn remove_claimed_addresses(mut request: Request) -> Request {
    for name in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
        request.headers_mut().remove(name);
    }
    request
}

/// The proxy marks the answers it made up; a 502 of the upstream itself passes as it is.
async fn name_failures(response: Response) -> Response {
    let Some(error) = response.extensions().get::<ProxyError>() else { return response };
    tracing::debug!(error = error.message(), "an upstream did not answer");
    problem::no_answer(response.status())
}
