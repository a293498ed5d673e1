//! What a stage runs on, and how far it has come.

use std::time::Duration;

use event_store::EventStore;
use metrics::gauge;
use schemas::Position;
use tokio::sync::watch;

/// The longest a stage goes without looking into the log.
pub const SWEEP: Duration = Duration::from_secs(10);
/// How often a stage looks into the log while the bus is away.
pub const POLL: Duration = Duration::from_secs(1);
/// Events handed to a stage at a time.
pub const BATCH: u32 = 256;

/// A consumer of the log by name. The name is its durable consumer on the bus, its checkpoint and its leadership lock.
#[derive(Clone, Debug)]
pub struct Stage {
    /// `analyzer`, `projector-tickets`, `crm-sink` …
    pub name: &'static str,
    /// The log.
    pub store: EventStore,
    /// Where the bus is; a stage also works, more slowly, while nobody answers there.
    pub nats_url: String,
}

/// How far a stage has come, for readiness, metrics and whoever waits for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    name: &'static str,
    state: watch::Sender<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    position: Position,
    problem: Option<String>,
}

impl Progress {
    /// Of a stage that has not started.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, state: watch::Sender::default() }
    }

    /// The position up to which everything is done or noted as an exception.
    #[must_use]
    pub fn position(&self) -> Position {
        self.state.borrow().position
    }

    /// Why the stage does not move, if it does not; fit for a public answer.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.state.borrow().problem.clone()
    }

    /// Waits until the stage has come to `position`.
    pub async fn reached(&self, position: Position) {
        // The sender lives in `self`, so the channel is open.
        let _ = self.state.subscribe().wait_for(|state| state.position >= position).await;
    }

    /// Notes where a stage stands now, which may be further back than before.
    pub fn reset(&self, position: Position) {
        gauge!("subscription_position", "stage" => self.name).set(position.0 as f64);
        gauge!("subscription_halted", "stage" => self.name).set(0.0);
        self.state.send_replace(State { position, problem: None });
    }

    /// Notes why a stage does not move; the text must be fit for a public answer.
    pub fn halt(&self, problem: String) {
        gauge!("subscription_halted", "stage" => self.name).set(1.0);
        self.state.send_modify(|state| state.problem = Some(problem));
    }
}
