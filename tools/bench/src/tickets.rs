//! What is sent: tickets of an ordinary size, and comments on them.

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{
    http::Connection,
    load::{Laps, Measured, on_one_thread},
};

/// Some 300 characters, so that the sealed event has the 600 bytes and more that the reference figures were taken with.
const DESCRIPTION: &str = "The VPN connection to the data centre drops every ten minutes since the update of last \
    night. Reconnecting works, but every open session is lost. It happens on the laptops of the whole team in the \
    Graz office, on the wired and the wireless network alike; the event log of the client only says that the peer \
    does not respond.";

/// Numbers e-mail addresses across all runs of this process.
static NEXT_REQUESTER: AtomicU64 = AtomicU64::new(0);

/// Who submits.
#[derive(Clone, Copy, Debug)]
pub enum Requesters {
    /// Somebody new every time: each submission also makes a key.
    New,
    /// One of so many.
    Of(u64),
}

/// The ids of submitted tickets, for commands on them.
#[derive(Clone, Debug, Default)]
pub struct Tickets {
    ids: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicUsize>,
    appended: Arc<AtomicI64>,
}

impl Tickets {
    /// Submits for as long as `point` lasts.
    pub async fn submit(
        &self,
        port: u16,
        connections: usize,
        point: Duration,
        requesters: Requesters,
    ) -> anyhow::Result<Measured> {
        let tickets = self.clone();
        on_one_thread(point, connections, move |_, end| {
            let tickets = tickets.clone();
            async move { tickets.submit_until(port, end, requesters).await }
        })
        .await
    }

    async fn submit_until(
        &self,
        port: u16,
        end: Instant,
        requesters: Requesters,
    ) -> anyhow::Result<Vec<u32>> {
        let (mut connection, mut request) = (Connection::open(port).await?, Vec::new());
        let mut laps = Laps::until(end);
        while let Some(began) = laps.next() {
            write_submission(&mut request, requesters)?;
            let answer = connection.ask(&request).await?;
            laps.done(began);
            ensure!(answer.status == 201, "a submission was answered with {}", answer.status);
            self.note_position(answer.body);
            self.ids.lock().unwrap_or_else(PoisonError::into_inner).extend(id_in(answer.body));
        }
        Ok(laps.latencies())
    }

    /// Comments on the submitted tickets in turn for as long as `point` lasts.
    pub async fn comment(&self, port: u16, connections: usize, point: Duration) -> anyhow::Result<Measured> {
        let tickets = self.clone();
        on_one_thread(point, connections, move |_, end| {
            let tickets = tickets.clone();
            async move { tickets.comment_until(port, end).await }
        })
        .await
    }

    async fn comment_until(&self, port: u16, end: Instant) -> anyhow::Result<Vec<u32>> {
        let (mut connection, mut request) = (Connection::open(port).await?, Vec::new());
        let mut laps = Laps::until(end);
        while let Some(began) = laps.next() {
            write_comment(&mut request, &self.in_turn())?;
            let answer = connection.ask(&request).await?;
            laps.done(began);
            ensure!(answer.status == 200, "a comment was answered with {}", answer.status);
            self.note_position(answer.body);
        }
        Ok(laps.latencies())
    }

    /// Reads the submitted tickets in turn for as long as `point` lasts.
    pub async fn read(&self, port: u16, connections: usize, point: Duration) -> anyhow::Result<Measured> {
        let tickets = self.clone();
        ask_until(port, connections, point, move || format!("/api/tickets/{}", tickets.in_turn())).await
    }

    /// One ticket.
    pub async fn submit_one(&self, port: u16) -> anyhow::Result<()> {
        let (mut connection, mut request) = (Connection::open(port).await?, Vec::new());
        write_submission(&mut request, Requesters::New)?;
        let answer = connection.ask(&request).await?;
        ensure!(answer.status == 201, "a submission was answered with {}", answer.status);
        Ok(())
    }

    /// The newest position that was answered.
    pub fn appended(&self) -> i64 {
        self.appended.load(Ordering::Relaxed)
    }

    fn note_position(&self, answer: &[u8]) {
        self.appended.fetch_max(position_in(answer).unwrap_or_default(), Ordering::Relaxed);
    }

    fn in_turn(&self) -> String {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        ids[turn % ids.len()].clone()
    }
}

/// Gets one path after the other for as long as `point` lasts.
pub async fn ask_until(
    port: u16,
    connections: usize,
    point: Duration,
    path: impl Fn() -> String + Clone + Send + 'static,
) -> anyhow::Result<Measured> {
    on_one_thread(point, connections, move |_, end| {
        let path = path.clone();
        async move {
            let (mut connection, mut request) = (Connection::open(port).await?, Vec::new());
            let mut laps = Laps::until(end);
            while let Some(began) = laps.next() {
                request.clear();
                write!(request, "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path())?;
                let answer = connection.ask(&request).await?;
                laps.done(began);
                ensure!(answer.status == 200, "a question was answered with {}", answer.status);
            }
            Ok(laps.latencies())
        }
    })
    .await
}

/// The ticket's id in the answer to its submission.
pub fn id_in(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, rest) = text.split_once("\"id\":\"")?;
    rest.split('"').next().map(str::to_owned)
}

/// The position of the event in the answer.
fn position_in(answer: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, rest) = text.split_once("\"position\":")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `POST /api/tickets`, replacing what `request` held.
pub fn write_submission(request: &mut Vec<u8>, requesters: Requesters) -> std::io::Result<()> {
    let number = NEXT_REQUESTER.fetch_add(1, Ordering::Relaxed);
    let requester = match requesters {
        Requesters::New => number,
        Requesters::Of(count) => number % count,
    };
    let kind = if matches!(requesters, Requesters::New) { "new" } else { "known" };
    let body = format!(
        r#"{{"name":"Ada Lovelace","email":"{kind}.{requester}@bench.example","requestType":"Network","description":"{DESCRIPTION}"}}"#
    );
    post(request, "/api/tickets", &body)
}

fn write_comment(request: &mut Vec<u8>, ticket: &str) -> std::io::Result<()> {
    let body =
        r#"{"text":"We changed the keep-alive of the tunnel; please tell us whether it still drops."}"#;
    post(request, &format!("/api/tickets/{ticket}/comments"), body)
}

fn post(request: &mut Vec<u8>, path: &str, body: &str) -> std::io::Result<()> {
    request.clear();
    write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
