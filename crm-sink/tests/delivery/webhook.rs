//! The second system: a receiver of signed webhooks, through the same lane, ladder, parking and replay.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use crm_sink::{
    intake::Intake,
    lane::{Lane, Tick},
    operator::{self, Chosen},
    status::Status,
    webhook::{Receiver, WebhookSettings, signature::Secret},
};
use schemas::{Position, TicketEvent, TicketId, Version, event::CrmOutcome};
use serde_json::Value;
use subscription::Projection as _;
use tokio::net::TcpListener;

use crate::{
    desk::{self, PACE},
    tickets::Writer,
};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as it arrived.
#[derive(Clone, Debug)]
struct Message {
    id: String,
    timestamp: i64,
    signature: String,
    body: Bytes,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_ours(&self) -> bool {
        let secret = Secret::parse(SECRET).unwrap();
        self.signature == secret.sign(&self.id, self.timestamp, &self.body)
    }
}

/// A receiver that answers as it is told, and 204 otherwise.
#[derive(Clone, Default)]
pub(crate) struct Inbox {
    messages: Arc<Mutex<Vec<Message>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// A status, and for how long to stay away.
type Answer = (StatusCode, Option<&'static str>);

impl Inbox {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let router = Router::new().route("/hooks", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub(crate) fn answer(&self, status: StatusCode, retry_after: Option<&'static str>) {
        self.answers.lock().unwrap().push_back((status, retry_after));
    }

    fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let timestamp = text("webhook-timestamp").parse().unwrap();
    let message = Message { id: text("webhook-id"), timestamp, signature: text("webhook-signature"), body };
    inbox.messages.lock().unwrap().push(message);
    match inbox.answers.lock().unwrap().pop_front() {
        Some((status, Some(wait))) => (status, [("retry-after", wait)]).into_response(),
        Some((status, None)) => status.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

pub(crate) struct Hooks {
    writer: Writer,
    pub(crate) inbox: Inbox,
    lane: Lane<Receiver>,
    status: Status,
    now: DateTime<Utc>,
}

impl Hooks {
    pub(crate) async fn new() -> Self {
        let inbox = Inbox::default();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), SECRET).unwrap();
        let settings = WebhookSettings {
            url: Some(inbox.start().await.parse().unwrap()),
            secret_file: Some(file.path().to_owned()),
        };
        let store = desk::store().await;
        let (keys, status) = (desk::keys(&store).await, Status::default());
        let receiver = Arc::new(Receiver::new(&settings, PACE.request_timeout).unwrap());
        let mut lane = Lane::new(store.clone(), desk::keys(&store).await, receiver, PACE, status.clone());
        lane.recover().await.unwrap();
        let now = (service_host::clock::now() + TimeDelta::hours(1)).trunc_subsecs(6);
        Self { writer: Writer { store, keys }, inbox, lane, status, now }
    }

    async fn take_in(&self) {
        let events = self.writer.store.read_all(Position::START, 10_000).await.unwrap();
        let mut connection = self.writer.store.pool().acquire().await.unwrap();
        Intake { sink: "webhook" }.apply(&mut connection, &events).await.unwrap();
    }

    pub(crate) async fn ticket(&self) -> TicketId {
        let ticket = self.writer.analyzed("Network").await;
        self.take_in().await;
        ticket
    }

    pub(crate) async fn settle(&mut self) {
        for _ in 0..500 {
            match self.lane.tick(self.now).await.unwrap() {
                Tick::Worked => {}
                Tick::Idle(Some(until)) => self.now = self.now.max(until),
                Tick::Idle(None) => return,
            }
        }
        panic!("the lane does not come to rest");
    }

    async fn events(&self, ticket: TicketId) -> Vec<TicketEvent> {
        let stream = self.writer.store.read_stream(ticket, Version::NONE).await.unwrap();
        let events = stream.into_iter().filter(|event| event.metadata.actor == "system:crm-sink");
        events.map(|event| event.event().unwrap()).collect()
    }
}

#[tokio::test]
async fn a_message_is_signed_and_says_what_the_ticket_says() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    hooks.settle().await;
    let messages = hooks.inbox.messages();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert!(message.is_ours());
    assert_eq!(message.id, format!("msg_{ticket}.2"));
    assert_eq!(message.timestamp, hooks.now.timestamp());
    let body = message.json();
    assert_eq!(body["type"], "ticket.analyzed");
    let analyzed = hooks.writer.store.read_stream(ticket, Version::NONE).await.unwrap().remove(1);
    assert_eq!(body["timestamp"], serde_json::to_value(analyzed.time).unwrap(), "when it happened");
    assert_eq!(body["data"]["requester"]["email"], "ada@example.com");
    assert_eq!(body["data"]["analysis"]["category"]["label"], "Network");
    match hooks.events(ticket).await.as_slice() {
        [TicketEvent::CrmRecordCreated(event)] => {
            assert_eq!((event.system.as_str(), event.how), ("webhook", CrmOutcome::Posted));
        }
        events => panic!("{events:?}"),
    }
    let forged = Message { body: Bytes::from_static(b"{}"), ..message.clone() };
    assert!(!forged.is_ours());
    assert!(BASE64.decode(message.signature.strip_prefix("v1,").unwrap()).is_ok());
}

#[tokio::test]
async fn a_message_that_is_not_received_goes_again_under_the_same_id() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    hooks.inbox.answer(StatusCode::INTERNAL_SERVER_ERROR, None);
    hooks.inbox.answer(StatusCode::BAD_REQUEST, None);
    hooks.settle().await;
    let messages = hooks.inbox.messages();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message.id == messages[0].id && message.is_ours()));
    let waits: Vec<_> = messages.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).collect();
    assert!((4..=8).contains(&waits[0]) && (240..=362).contains(&waits[1]), "{waits:?}");
    let attempts = hooks.events(ticket).await;
    assert_eq!(attempts.len(), 3, "two attempts and a receipt: {attempts:?}");
}

#[tokio::test]
async fn a_message_that_is_never_received_is_parked_and_can_be_replayed() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    (0..8).for_each(|_| hooks.inbox.answer(StatusCode::INTERNAL_SERVER_ERROR, None));
    hooks.settle().await;
    let pool = hooks.writer.store.pool().clone();
    let parked = operator::parked(&pool, "webhook", &Chosen::default()).await.unwrap();
    assert_eq!((parked.len(), parked[0].attempts), (1, 8));
    assert!(matches!(hooks.events(ticket).await.last(), Some(TicketEvent::CrmDeliveryParked(_))));
    assert_eq!(operator::retry(&pool, "webhook", &Chosen::default()).await.unwrap(), 1);
    hooks.settle().await;
    assert_eq!(hooks.inbox.messages().len(), 9);
    assert!(matches!(hooks.events(ticket).await.last(), Some(TicketEvent::CrmRecordCreated(_))));
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_gets_it_and_the_ticket_pays_nothing() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    hooks.inbox.answer(StatusCode::TOO_MANY_REQUESTS, Some("17"));
    hooks.inbox.answer(StatusCode::SERVICE_UNAVAILABLE, Some("5"));
    hooks.settle().await;
    let messages = hooks.inbox.messages();
    assert!(messages[1].timestamp - messages[0].timestamp >= 17);
    match hooks.events(ticket).await.as_slice() {
        [TicketEvent::CrmRecordCreated(event)] => assert_eq!(event.attempts, 1),
        events => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_stops_the_lane_until_a_person_acts() {
    let mut hooks = Hooks::new().await;
    hooks.ticket().await;
    hooks.inbox.answer(StatusCode::GONE, None);
    hooks.lane.tick(hooks.now).await.unwrap();
    assert_eq!(hooks.status.problem(), Some("config"));
}

#[tokio::test]
async fn each_change_is_a_message_of_its_own() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    hooks.settle().await;
    hooks.writer.closed(ticket).await;
    hooks.take_in().await;
    hooks.settle().await;
    let messages = hooks.inbox.messages();
    assert_eq!(messages.len(), 2);
    assert_ne!(messages[0].id, messages[1].id);
    let body = messages[1].json();
    assert_eq!((&body["type"], &body["data"]["status"]), (&"ticket.changed".into(), &"closed".into()));
}

/// The receiver has the first message of a ticket that changed meanwhile; it takes the repetition for the same news. What it
/// does not know of comes as a change.
#[tokio::test]
async fn news_is_not_lost_in_a_repetition() {
    let mut hooks = Hooks::new().await;
    let ticket = hooks.ticket().await;
    hooks.inbox.answer(StatusCode::INTERNAL_SERVER_ERROR, None);
    while hooks.inbox.messages().is_empty() {
        hooks.lane.tick(hooks.now).await.unwrap();
    }
    hooks.writer.closed(ticket).await;
    hooks.take_in().await;
    hooks.settle().await;
    let messages = hooks.inbox.messages();
    assert_eq!(messages[0].id, messages[1].id);
    assert_eq!(messages[2].json()["data"]["status"], "closed");
}
