//! A log and a bus of their own, and the real `hubctl` run against them.

use std::process::{Output, Stdio};

use event_bus::Bus;
use event_store::{Append, EventStore, Expected, NewEvent, database};
use local_stack::testing::{TestDatabase, TestNats, within};
use schemas::{EventId, Position, TicketEvent, TicketId, envelope::Metadata, event::AnalysisFailed};
use tokio::process::Command;
use uuid::Uuid;

pub(crate) struct Hub {
    pub(crate) store: EventStore,
    pub(crate) server: TestNats,
    pub(crate) bus: Bus,
    pub(crate) database: TestDatabase,
}

impl Hub {
    /// With an empty log and an empty stream.
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let pool = database::pool(database.url(), "test", 5).unwrap();
        database::MIGRATOR.run(&pool).await.unwrap();
        let server = TestNats::start().await.unwrap();
        let bus = Bus::connect(&server.url(), "test").await.unwrap();
        bus.ensure_stream().await.unwrap();
        Self { store: EventStore::open(pool).await.unwrap(), server, bus, database }
    }

    /// Appends one event to each of the tickets, by number.
    pub(crate) async fn append(&self, tickets: impl IntoIterator<Item = u128>) {
        for ticket in tickets {
            self.append_many(ticket, 1).await;
        }
    }

    /// Appends that many events to the ticket of this number.
    pub(crate) async fn append_many(&self, ticket: u128, events: usize) {
        let ticket = TicketId::new(ticket.into());
        let events = std::iter::repeat_with(event).take(events).collect();
        let append = Append { ticket, expected: Expected::Any, events, idempotency: None };
        self.store.append(append).await.unwrap();
    }

    /// Puts what the bus lacks of the log on it.
    pub(crate) async fn relay(&self) {
        let tail = self.bus.tail().await.unwrap();
        let events = self.store.read_all(tail.position, 10_000).await.unwrap();
        self.bus.publish(tail, &events).await.unwrap();
    }

    /// What `hubctl` answers.
    pub(crate) async fn hubctl(&self, args: &[&str]) -> Answer {
        self.answer(&mut self.command(args)).await
    }

    /// What is left of an answer of a `hubctl` that is killed at a place.
    pub(crate) async fn hubctl_killed_at(&self, place: &str, args: &[&str]) -> Answer {
        self.answer(self.command(args).env(crash_points::VARIABLE, place)).await
    }

    /// What `hubctl` answers whom nobody reads.
    pub(crate) async fn hubctl_unread(&self, args: &[&str]) -> Answer {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.command(args);
        let hubctl = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        Answer::of(&within("hubctl", hubctl.wait_with_output()).await.unwrap())
    }

    /// What `hubctl` answers whom somebody interrupts, as Ctrl-C does, after `moment`.
    pub(crate) async fn hubctl_interrupted(&self, args: &[&str], moment: impl Future) -> Answer {
        let mut command = self.command(args);
        let hubctl = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        within("the moment", moment).await;
        let process = hubctl.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &process]).status().await.unwrap().success());
        Answer::of(&within("hubctl", hubctl.wait_with_output()).await.unwrap())
    }

    async fn answer(&self, command: &mut Command) -> Answer {
        Answer::of(&within("hubctl", command.output()).await.unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hubctl"));
        command.args(args).env("DATABASE_URL", self.database.url()).env("NATS_URL", self.server.url());
        command.env("USER", "operator");
        command
    }

    pub(crate) async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }
}

fn event() -> NewEvent {
    let id = EventId::new(Uuid::now_v7());
    let event = TicketEvent::AnalysisFailed(AnalysisFailed { reason: "r".into(), attempts: 1 });
    let metadata = Metadata { correlationid: id, causationid: None, traceparent: None, actor: "test".into() };
    NewEvent { id, event, metadata }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Panics with the whole answer unless it succeeded and says `expected`.
    #[track_caller]
    pub(crate) fn says(&self, expected: &str) {
        assert!(self.ok && self.out.contains(expected), "{expected} is missing: {self:?}");
    }

    /// Panics with the whole answer unless it failed and says `expected`.
    #[track_caller]
    pub(crate) fn refuses(&self, expected: &str) {
        let said = self.out.contains(expected) || self.err.contains(expected);
        assert!(!self.ok && said, "{expected} is missing: {self:?}");
    }
}
