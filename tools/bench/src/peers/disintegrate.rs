//! disintegrate with disintegrate-postgres. Its migration holds a hexadecimal literal, which Postgres reads from version
//! 16 on; on an older one the function that failed is made here, and the steps after it are done by hand.

use std::sync::Arc;

use async_trait::async_trait;
use disintegrate::{Decision, Event, NoSnapshot, StateMutate, StateQuery, serde::json::Json};
use disintegrate_postgres::{PgDecisionMaker, PgEventStore, decision_maker};
use serde::{Deserialize, Serialize};
use sqlx_08::PgPool;
use uuid::Uuid;

use super::{Peer, Streams};

/// What the migration makes, with the literal written in decimal.
const BEGIN_EPOCH: &str = "create function event_store_begin_epoch() returns void language plpgsql as $$
declare
    last bigint;
    database integer;
begin
    select last_value into last from seq_event_event_id;
    select oid into database from pg_database where datname = current_database();
    perform pg_try_advisory_xact_lock_shared(database, 0);
    perform pg_try_advisory_xact_lock_shared(1, (last & 4294967295)::bit(32)::integer);
    perform pg_try_advisory_xact_lock_shared(2, (last >> 32)::bit(32)::integer);
end $$";
/// Its columns of identifiers, which the migration did not come to.
const TICKET_ID: [&str; 2] = [
    "alter table event add column if not exists ticket_id text",
    "create index if not exists idx_event_ticket_id_btree on event (ticket_id)",
];

type Maker = PgDecisionMaker<TicketEvent, Json<TicketEvent>, NoSnapshot>;

#[derive(Clone)]
struct Disintegrate {
    maker: Arc<Maker>,
    streams: Streams,
}

pub(super) async fn open(pool: PgPool) -> anyhow::Result<Box<dyn Peer>> {
    let serde = Json::<TicketEvent>::default();
    let store = match PgEventStore::try_new(pool.clone(), serde.clone()).await {
        Ok(store) => store,
        Err(_) => {
            for statement in [BEGIN_EPOCH].into_iter().chain(TICKET_ID) {
                sqlx_08::query(statement).execute(&pool).await?;
            }
            PgEventStore::new_uninitialized(pool, serde)
        }
    };
    Ok(Box::new(Disintegrate {
        maker: Arc::new(decision_maker(store, NoSnapshot)),
        streams: Streams::default(),
    }))
}

#[async_trait]
impl Peer for Disintegrate {
    fn name(&self) -> &'static str {
        "disintegrate 4.0"
    }

    fn share(&self) -> Box<dyn Peer> {
        Box::new(self.clone())
    }

    async fn submit(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        self.make(Say { ticket_id: id.to_string(), body, first: true }).await
    }

    async fn comment(&self, id: Uuid, body: String) -> anyhow::Result<()> {
        self.make(Say { ticket_id: id.to_string(), body, first: false }).await
    }

    fn streams(&self) -> &Streams {
        &self.streams
    }
}

impl Disintegrate {
    /// Every append is a serialisable transaction, which Postgres may refuse: then it is made again.
    async fn make(&self, decision: Say) -> anyhow::Result<()> {
        loop {
            match self.maker.make(decision.clone()).await {
                Ok(_) => return Ok(()),
                Err(disintegrate::DecisionError::Domain(refused)) => return Err(refused.into()),
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(anyhow::anyhow!("{error:?}")),
            }
        }
    }
}

fn is_conflict(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.into_iter().any(|error| {
        matches!(error.downcast_ref(), Some(disintegrate_postgres::Error::Concurrency))
            || matches!(error.downcast_ref::<sqlx_08::Error>(), Some(sqlx_08::Error::Database(database))
                if database.code().is_some_and(|code| code == "40001"))
    })
}

#[derive(Clone, Debug, PartialEq, Eq, Event, Serialize, Deserialize)]
#[stream(TicketStream, [Submitted, Commented])]
enum TicketEvent {
    Submitted {
        #[id]
        ticket_id: String,
        body: String,
    },
    Commented {
        #[id]
        ticket_id: String,
        body: String,
    },
}

#[derive(Clone, Debug, Default, StateQuery, Serialize, Deserialize)]
#[state_query(TicketEvent)]
struct Ticket {
    #[id]
    ticket_id: String,
    is_submitted: bool,
}

impl StateMutate for Ticket {
    fn mutate(&mut self, event: Self::Event) {
        if matches!(event, TicketEvent::Submitted { .. }) {
            self.is_submitted = true;
        }
    }
}

#[derive(Clone, Debug)]
struct Say {
    ticket_id: String,
    body: String,
    first: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("not in this state")]
struct Refused;

impl Decision for Say {
    type Event = TicketEvent;
    type StateQuery = Ticket;
    type Error = Refused;

    fn state_query(&self) -> Ticket {
        Ticket { ticket_id: self.ticket_id.clone(), ..Ticket::default() }
    }

    fn process(&self, state: &Ticket) -> Result<Vec<TicketEvent>, Refused> {
        let (ticket_id, body) = (self.ticket_id.clone(), self.body.clone());
        match (self.first, state.is_submitted) {
            (true, false) => Ok(vec![TicketEvent::Submitted { ticket_id, body }]),
            (false, true) => Ok(vec![TicketEvent::Commented { ticket_id, body }]),
            _ => Err(Refused),
        }
    }
}
