//! From the log into the read model: loads the tickets a batch is about, folds its events over them in the order of the
//! log, and saves them with the counters that changed, all in the transaction of the checkpoint.
//!
//! - [`contract`]: the projections by name and version
//! - `fact`: events read, and the keys that open them
//! - `fold`: what each event does to its ticket, with `submission`, `analysis`, `work` and `delivery`
//! - [`erasure`]: tickets without the person
//! - `timeline`: what happened, with personal data sealed
//! - `disclosure`: what of an event everybody may read
//! - `tickets`: loading and saving, with `last_changes`, `embeddings` and `label_sets`
//! - [`search`]: the words of tickets, a stage of its own

mod analysis;
pub mod contract;
mod delivery;
mod disclosure;
pub(crate) mod embeddings;
pub mod erasure;
pub(crate) mod fact;
pub(crate) mod fold;
pub(crate) mod label_sets;
pub(crate) mod last_changes;
pub mod search;
mod submission;
mod tickets;
pub(crate) mod timeline;
mod work;

use anyhow::Context as _;
use event_store::PersonalKeys;
use metrics::histogram;
use schemas::Envelope;
use service_host::clock;
use sqlx::PgConnection;
use subscription::Projection;

pub(crate) use disclosure::SealedMembers;

/// Name of the stage: its checkpoint, its durable consumer and its leadership lock.
pub const STAGE: &str = "projector-tickets";

/// The projection behind every table of the schema `projector`. One stage keeps them all: each event is read and opened
/// once, and the counters are the differences of the tickets they count, so that they can never disagree.
#[derive(Clone, Debug)]
pub struct Tickets {
    keys: PersonalKeys,
}

impl Tickets {
    /// The projection, which shows personal data as long as `keys` open it.
    #[must_use]
    pub const fn new(keys: PersonalKeys) -> Self {
        Self { keys }
    }
}

impl Projection for Tickets {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let facts = fact::read(events)?;
        let ring = fact::ring(&self.keys, &facts).await?;
        let mut tickets = tickets::load(connection, events).await?;
        let mut entries = Vec::with_capacity(facts.len());
        for fact in &facts {
            tickets.fold(&ring, fact);
            let entry = timeline::Entry::new(fact.event, fact.says.as_ref());
            entries.push(entry.with_context(|| fact::place(fact.event))?);
        }
        tickets.save(connection).await?;
        timeline::add(connection, &entries).await?;
        observe_delay(events);
        Ok(())
    }
}

/// A column of many rows, as statements take them.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// How long events took from the log to here.
fn observe_delay(events: &[Envelope]) {
    let now = clock::now();
    for event in events {
        let delay = (now - event.time).as_seconds_f64().max(0.0);
        histogram!("projection_delay_seconds", "stage" => STAGE).record(delay);
    }
}
