//! esrs.

use async_trait::async_trait;
use esrs::{
    Aggregate, AggregateState,
    manager::AggregateManager,
    store::postgres::{PgStore, PgStoreBuilder},
};
use serde::{Deserialize, Serialize};
use sqlx_08::PgPool;
use uuid::Uuid;

use super::{Peer, Streams};

#[derive(Clone)]
struct Esrs {
    store: PgStore<Ticket>,
    streams: Streams,
}

pub(super) async fn open(pool: PgPool) -> anyhow::Result<Box<dyn Peer>> {
    let store = PgStoreBuilder::new(pool).try_build().await?;
    Ok(Box::new(Esrs { store, streams: Streams::default() }))
}

#[async_trait]
impl Peer for Esrs {
    fn name(&self) -> &'static str {
        "esrs 0.18"
    }

    fn share(&self) -> Box<dyn Peer> {
        Box::new(self.clone())
    }

    async fn submit(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        let manager = AggregateManager::new(self.store.clone());
        manager.handle_command(AggregateState::with_id(id), Command::Submit(body)).await??;
        Ok(())
    }

    async fn comment(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        let manager = AggregateManager::new(self.store.clone());
        let state = manager.load(id).await?.ok_or(Refused)?;
        manager.handle_command(state, Command::Comment(body)).await??;
        Ok(())
    }

    fn streams(&self) -> &Streams {
        &self.streams
    }
}

struct Ticket;

#[derive(Default)]
struct State {
    comments: usize,
    is_submitted: bool,
}

enum Command {
    Submit(String),
    Comment(String),
}

#[derive(Clone, Serialize, Deserialize)]
enum Event {
    Submitted { body: String },
    Commented { body: String },
}

#[derive(Debug, thiserror::Error)]
#[error("not in this state")]
struct Refused;

impl Aggregate for Ticket {
    const NAME: &'static str = "ticket";
    type State = State;
    type Command = Command;
    type Event = Event;
    type Error = Refused;

    fn handle_command(state: &State, command: Command) -> Result<Vec<Event>, Refused> {
        match command {
            Command::Submit(body) if !state.is_submitted => Ok(vec![Event::Submitted { body }]),
            Command::Comment(body) if state.is_submitted => Ok(vec![Event::Commented { body }]),
            _ => Err(Refused),
        }
    }

    fn apply_event(state: State, event: Event) -> State {
        match event {
            Event::Submitted { .. } => State { is_submitted: true, ..state },
            Event::Commented { .. } => State { comments: state.comments + 1, ..state },
        }
    }
}
