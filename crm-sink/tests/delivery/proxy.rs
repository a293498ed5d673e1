//! A proxy in front of the mock that spoils what a test tells it to spoil.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use local_stack::ports;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What happens to one call of Creator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It arrives; the connection is cut without an answer.
    CutAfter,
    /// It arrives; the answer is a gateway's error page.
    BadGatewayAfter,
    /// It arrives; the answer breaks off in the middle.
    HalfAfter,
    /// It arrives; this is the answer.
    AnswerAfter(u16, &'static str),
    /// It arrives; there is never an answer.
    SilenceAfter,
    /// It does not arrive; the connection is cut.
    CutBefore,
    /// It does not arrive now: the connection is cut, and [`Proxy::land`] delivers it later.
    Late,
    /// It does not arrive; this is the answer.
    Answer(u16, &'static str),
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    late: Mutex<Vec<Vec<u8>>>,
    poison: Mutex<Option<(String, u16, &'static str)>>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(crate) async fn start(upstream: &str) -> Self {
        let address = ports::loopback(ports::free().unwrap());
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        let shared = Arc::new(Shared {
            upstream,
            faults: Mutex::default(),
            late: Mutex::default(),
            poison: Mutex::default(),
        });
        let task = shared.clone().listen(address).await;
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections are refused.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub(crate) async fn start_again(&mut self) {
        self.task = self.shared.clone().listen(self.address).await;
    }

    /// Forgets the faults that nothing met.
    pub(crate) fn heal(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// Spoils the next unspoiled Add Records.
    pub(crate) fn spoil_add(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back(("POST /creator", fault));
    }

    /// Spoils the next unspoiled Get Records.
    pub(crate) fn spoil_find(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back(("GET /creator", fault));
    }

    /// Spoils the next unspoiled update.
    pub(crate) fn spoil_update(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back(("PATCH /creator", fault));
    }

    /// From now on answers this to whatever contains that text.
    pub(crate) fn poison(&self, text: &str, status: u16, body: &'static str) {
        *self.shared.poison.lock().unwrap() = Some((text.to_owned(), status, body));
    }

    /// Delivers what was held back.
    pub(crate) async fn land(&self) {
        let late = std::mem::take(&mut *self.shared.late.lock().unwrap());
        for request in late {
            self.shared.forward(&request).await;
        }
    }
}

impl Shared {
    async fn listen(self: Arc<Self>, address: SocketAddr) -> JoinHandle<()> {
        let listener = TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        })
    }

    async fn serve(self: Arc<Self>, mut client: TcpStream) {
        let Some(request) = read_request(&mut client).await else { return };
        let answer = match self.fault_of(&request) {
            Fault::None => Some(self.forward(&request).await),
            Fault::CutAfter => {
                self.forward(&request).await;
                None
            }
            Fault::BadGatewayAfter => {
                self.forward(&request).await;
                Some(response(502, "<html><h1>Bad Gateway</h1></html>"))
            }
            Fault::HalfAfter => {
                let answer = self.forward(&request).await;
                Some(answer[..answer.len() - 30].to_vec())
            }
            Fault::AnswerAfter(status, body) => {
                self.forward(&request).await;
                Some(response(status, body))
            }
            Fault::SilenceAfter => {
                self.forward(&request).await;
                std::future::pending().await
            }
            Fault::CutBefore => None,
            Fault::Late => {
                self.late.lock().unwrap().push(request);
                None
            }
            Fault::Answer(status, body) => Some(response(status, body)),
        };
        if let Some(answer) = answer {
            let _ = client.write_all(&answer).await;
        }
    }

    fn fault_of(&self, request: &[u8]) -> Fault {
        if let Some((text, status, body)) = self.poison.lock().unwrap().as_ref()
            && request.windows(text.len()).any(|window| window == text.as_bytes())
        {
            return Fault::Answer(*status, body);
        }
        let mut faults = self.faults.lock().unwrap();
        let place = faults.iter().position(|(start, _)| request.starts_with(start.as_bytes()));
        place.and_then(|place| faults.remove(place)).map_or(Fault::None, |(_, fault)| fault)
    }

    /// Passes a request on and reads the answer to its end.
    async fn forward(&self, request: &[u8]) -> Vec<u8> {
        let line = request.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let (first, rest) = request.split_at(line);
        let mut answer = vec![];
        let mut stream = TcpStream::connect(&self.upstream).await.unwrap();
        // The mock may close the connection at any point: what came until then is the answer.
        let _ = stream.write_all(&[first, b"\r\nconnection: close", rest].concat()).await;
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }
}

async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = vec![];
    loop {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if request.len() >= head + 4 + length {
            return Some(request);
        }
    }
}

fn response(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Spoiled\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}
