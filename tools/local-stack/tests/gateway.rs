//! The gateway in front of two echoing upstreams.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Uri},
};
use local_stack::{Gateway, Upstreams, ports};
use reqwest::{Client, Response, StatusCode};
use tokio::{net::TcpListener, sync::mpsc};

/// An upstream that answers with its name and what it was asked.
async fn upstream(name: &'static str) -> SocketAddr {
    let echo = async |State(name): State<&'static str>,
                      method: Method,
                      uri: Uri,
                      headers: HeaderMap,
                      body: Bytes| {
        let header = |name| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        let (id, from) = (header("x-request-id"), header("x-forwarded-for"));
        format!("{name} {method} {uri} id={id} from={from} body={}", String::from_utf8_lossy(&body))
    };
    serve(Router::new().fallback(echo).with_state(name)).await
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind(ports::loopback(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn gateway(commands: SocketAddr, queries: SocketAddr) -> Gateway {
    Gateway::start(ports::loopback(0), &Upstreams { commands, queries }).await.unwrap()
}

fn nobody() -> SocketAddr {
    ports::loopback(ports::free().unwrap())
}

fn client() -> Client {
    // Already there when another test of this program installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

async fn send(gateway: &Gateway, method: Method, path: &str) -> Response {
    client().request(method, gateway.url() + path).send().await.unwrap()
}

#[tokio::test]
async fn commands_and_queries_go_to_their_sides() {
    let gateway = gateway(upstream("commands").await, upstream("queries").await).await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = send(&gateway, method.clone(), "/api/tickets?a=b%20c").await.text().await.unwrap();
        assert!(answer.starts_with(&format!("commands {method} /api/tickets?a=b%20c ")), "{answer}");
    }
    for method in [Method::GET, Method::OPTIONS] {
        let answer = send(&gateway, method.clone(), "/").await.text().await.unwrap();
        assert!(answer.starts_with(&format!("queries {method} / ")), "{answer}");
    }
    assert_eq!(send(&gateway, Method::HEAD, "/health").await.status(), StatusCode::OK);
    assert_eq!(send(&gateway, Method::TRACE, "/").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_request_id_and_the_body_pass_and_a_claimed_address_does_not() {
    let gateway = gateway(upstream("commands").await, nobody()).await;
    let request = client().post(gateway.url() + "/api/tickets");
    let request =
        request.header("X-Request-Id", "r-1").header("X-Forwarded-For", "10.9.8.7").body("the body");
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "commands POST /api/tickets id=r-1 from=127.0.0.1 body=the body");
}

#[tokio::test]
async fn a_streamed_answer_arrives_piece_by_piece() {
    let (pieces, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Body::from_stream(futures::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|piece| (piece, receiver))
    }));
    let body = std::sync::Mutex::new(Some(body));
    let body = std::sync::Arc::new(body);
    let router = Router::new().fallback(move || async move { body.lock().unwrap().take().unwrap() });
    let gateway = gateway(nobody(), serve(router).await).await;
    let mut answer = send(&gateway, Method::GET, "/api/events").await;
    for piece in ["data: 1\n\n", "data: 2\n\n"] {
        // The stream stays open: only what was sent so far can arrive.
        pieces.send(Ok(piece.into())).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), piece);
    }
}

#[tokio::test]
async fn a_dead_upstream_is_a_problem_that_says_when_to_retry() {
    let gateway = gateway(nobody(), upstream("queries").await).await;
    let answer = send(&gateway, Method::POST, "/api/tickets").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((&problem["status"], &problem["success"]), (&502.into(), &false.into()));
    assert!(problem["error"].is_string() && problem["details"].as_array().unwrap().is_empty(), "{problem}");
    assert_eq!(send(&gateway, Method::GET, "/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_upstreams_own_502_passes_unchanged() {
    let router = Router::new().fallback(|| async { (StatusCode::BAD_GATEWAY, "its own words") });
    let gateway = gateway(nobody(), serve(router).await).await;
    assert_eq!(send(&gateway, Method::GET, "/").await.text().await.unwrap(), "its own words");
}

#[tokio::test]
async fn the_gateway_is_healthy_without_its_upstreams_and_closes_on_drop() {
    let gateway = gateway(nobody(), nobody()).await;
    assert_eq!(send(&gateway, Method::GET, "/gateway/health").await.status(), StatusCode::OK);
    assert_eq!(
        send(&gateway, Method::POST, "/gateway/health").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    let address = gateway.address();
    drop(gateway);
    while ports::is_listening(address) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_gateway_may_open_as_many_connections_as_the_system_allows() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(512), maximum }).unwrap();
    let _gateway = gateway(nobody(), nobody()).await;
    assert_eq!(getrlimit(Resource::Nofile).current, maximum);
}

#[tokio::test]
async fn a_request_without_a_path_does_no_harm() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let gateway = gateway(nobody(), upstream("queries").await).await;
    let mut raw = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    raw.write_all(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
}

#[tokio::test]
async fn a_websocket_passes_in_both_directions() {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = TcpListener::bind(ports::loopback(0)).await.unwrap();
    let gateway = gateway(nobody(), listener.local_addr().unwrap()).await;
    // An upstream that accepts the upgrade and then says everything back.
    tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        let accepted = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(accepted).await.unwrap();
        let mut byte = [0];
        while stream.read_exact(&mut byte).await.is_ok() {
            stream.write_all(&byte).await.unwrap();
        }
    });
    let mut client = BufReader::new(tokio::net::TcpStream::connect(gateway.address()).await.unwrap());
    let upgrade = b"GET /api/ws HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(upgrade).await.unwrap();
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 101"), "{line}");
    while line != "\r\n" {
        line.clear();
        client.read_line(&mut line).await.unwrap();
    }
    client.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    client.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
}
