//! A command side with one ticket to work on.

use axum::http::Request;
use event_store::{Append, Expected, NewEvent};
use schemas::{Envelope, EventId, TicketEvent, TicketId, Version, envelope::Metadata};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Answer, CommandSide, ticket};

pub(crate) struct Desk {
    pub(crate) side: CommandSide,
    pub(crate) id: TicketId,
}

const SUBMITTED: &str = include_str!("../../../schemas/golden/hub.ticket.submitted.v1.json");
const ANALYZED: &str = include_str!("../../../schemas/golden/hub.ticket.analyzed.v1.json");

/// The event of a golden sample.
fn sample(envelope: &str) -> TicketEvent {
    serde_json::from_str::<Envelope>(envelope).unwrap().event().unwrap()
}

impl Desk {
    pub(crate) async fn start() -> Self {
        let side = CommandSide::start().await;
        let answer = side.post(&[], ticket().to_string()).await;
        Self { id: answer.body["data"]["id"].as_str().unwrap().parse().unwrap(), side }
    }

    /// A desk whose ticket is analyzed: Network, High, urgent, negative, 8, live-chat. Hands over the event's id.
    pub(crate) async fn with_analysis() -> (Self, EventId) {
        let desk = Self::start().await;
        let id = EventId::new(Uuid::now_v7());
        desk.append(id, sample(ANALYZED)).await;
        (desk, id)
    }

    /// A desk whose ticket is analyzed with this summary, and without entities.
    pub(crate) async fn with_readings(summary: &str) -> Self {
        let desk = Self::start().await;
        let TicketEvent::Analyzed(golden) = sample(ANALYZED) else { panic!("an analysis") };
        let (id, keys) = (EventId::new(Uuid::now_v7()), &desk.side.keys);
        let ada = keys.requester_id("ada@example.com");
        let summary = keys.seal(&ada, id, "summary", &summary.to_owned()).await.unwrap();
        let entities = keys.seal(&ada, id, "entities", &vec![]).await.unwrap();
        desk.append(id, TicketEvent::Analyzed(Box::new(golden.with_personal(entities, summary)))).await;
        desk
    }

    /// A desk whose ticket was handed in by somebody whose key is gone.
    pub(crate) async fn of_an_erased_requester() -> Self {
        let desk = Self { side: CommandSide::start().await, id: TicketId::new(1.into()) };
        desk.append(EventId::new(Uuid::now_v7()), sample(SUBMITTED)).await;
        desk
    }

    async fn append(&self, id: EventId, event: TicketEvent) {
        let metadata =
            Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
        let events = vec![NewEvent { id, event, metadata }];
        let append = Append { ticket: self.id, expected: Expected::Any, events, idempotency: None };
        self.side.store.append(append).await.unwrap();
    }

    pub(crate) async fn ask(&self, command: &str, body: Value) -> Answer {
        self.ask_with(&[], command, body).await
    }

    pub(crate) async fn ask_with(&self, headers: &[(&str, &str)], command: &str, body: Value) -> Answer {
        self.ask_of(&self.id.to_string(), headers, command, body).await
    }

    pub(crate) async fn ask_of(
        &self,
        name: &str,
        headers: &[(&str, &str)],
        command: &str,
        body: Value,
    ) -> Answer {
        let mut request = Request::post(format!("/api/tickets/{name}/{command}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.side.send(request.body(body.to_string().into()).unwrap()).await
    }

    /// Asks for something that is granted, and hands over the `data` of the answer.
    pub(crate) async fn done(&self, command: &str, body: Value) -> Value {
        let mut answer = self.ask(command, body).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
        assert_eq!(answer.body["success"], true);
        answer.body["data"].take()
    }

    /// The ticket's events as they are in the log.
    pub(crate) async fn story(&self) -> Vec<Envelope> {
        self.side.store.read_stream(self.id, Version::NONE).await.unwrap()
    }

    /// The newest of them.
    pub(crate) async fn last(&self) -> (Envelope, TicketEvent) {
        let envelope = self.story().await.pop().unwrap();
        let event = envelope.event().unwrap();
        (envelope, event)
    }
}
