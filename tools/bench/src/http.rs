//! The cheapest HTTP/1.1 client that can measure: one connection, one request at a time, no allocation per request. It
//! reads only what the hub answers (a status line and Content-Length).

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A kept connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// The answer to a request, until the next one.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(8 * 1024) })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the hub closed the connection");
            }
            if let Some((status, body, end)) = parse(&self.received)
                && self.received.len() >= end
            {
                return Ok(Answer { status, body: &self.received[body..end] });
            }
        }
    }
}

/// Status, where the body begins, and where it ends, once the head is there.
fn parse(received: &[u8]) -> Option<(u16, usize, usize)> {
    let head = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&received[..head]).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let length = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = head + 4;
    Some((status, body, body + length.unwrap_or(0)))
}
