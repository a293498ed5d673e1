//! From the log into the read model: loads the tickets a batch is about, folds its events over them in the order of the
//! log, and saves them, all in the transaction of the checkpoint.
//!
//! - `submission`, `analysis`, `work`, `delivery`: what each event does to a ticket
//! - `timeline`: what happened, with personal data sealed
//! - `disclosure`: what of an event everybody may read
//! - `tickets`: loading and saving

mod analysis;
mod delivery;
mod disclosure;
mod submission;
mod tickets;
mod timeline;
mod work;

use anyhow::{Context as _, bail};
use event_store::PersonalKeys;
use metrics::histogram;
use schemas::{Envelope, TicketEvent, event::DecodeError};
use service_host::clock;
use sqlx::PgConnection;
use subscription::Projection;

use crate::read_model::status;
use tickets::Touched;

pub(crate) use disclosure::SealedMembers;

/// Name of the stage: its checkpoint, its durable consumer and its leadership lock.
pub const STAGE: &str = "projector-tickets";

/// The projection behind `projector.tickets` and `projector.timeline`.
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

    async fn fold(
        &self,
        tickets: &mut Touched,
        event: &Envelope,
        fact: Option<&TicketEvent>,
    ) -> anyhow::Result<()> {
        let keys = &self.keys;
        if let Some(TicketEvent::Submitted(data)) = fact
            && !tickets.knows(event)
        {
            tickets.add(submission::submitted(keys, event, data).await?);
        }
        // A ticket handed in by an event this build does not know has a timeline only.
        let Some(ticket) = tickets.unseen(event) else { return Ok(()) };
        match fact {
            None
            | Some(
                TicketEvent::Submitted(_) | TicketEvent::Commented(_) | TicketEvent::ResolutionConfirmed(_),
            ) => {}
            Some(TicketEvent::Analyzed(data)) => analysis::analyzed(keys, ticket, event, data).await?,
            Some(TicketEvent::AnalysisFailed(_)) => analysis::failed(ticket),
            Some(TicketEvent::CrmRecordCreated(data)) => delivery::record_created(ticket, event, data),
            Some(TicketEvent::CrmDeliveryParked(data)) => delivery::parked(ticket, data),
            Some(TicketEvent::Assigned(data)) => work::assigned(ticket, data),
            Some(TicketEvent::Resolved(_)) => work::moved_to(ticket, status::RESOLVED),
            Some(TicketEvent::Reopened(_)) => work::moved_to(ticket, status::OPEN),
            Some(TicketEvent::Closed(_)) => work::moved_to(ticket, status::CLOSED),
            Some(TicketEvent::AnalysisCorrected(data)) => work::corrected(ticket, data),
        }
        ticket.position = event.position.0;
        ticket.version = event.version.0;
        ticket.updated_at = event.time;
        Ok(())
    }
}

impl Projection for Tickets {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let mut tickets = tickets::load(connection, events).await?;
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let at = || format!("position {}, {}", event.position, event.type_name);
            let fact = fact_of(event).with_context(at)?;
            self.fold(&mut tickets, event, fact.as_ref()).await.with_context(at)?;
            entries.push(timeline::Entry::new(event, fact.as_ref()).with_context(at)?);
        }
        tickets.save(connection).await?;
        timeline::add(connection, &entries).await?;
        observe_delay(events);
        Ok(())
    }
}

/// The fact, or nothing for a type this build does not know.
fn fact_of(event: &Envelope) -> anyhow::Result<Option<TicketEvent>> {
    match event.event() {
        Ok(fact) => Ok(Some(fact)),
        Err(DecodeError::UnknownType(_)) => Ok(None),
        // Its source is left out: it may quote the data, and this error is logged.
        Err(DecodeError::Malformed { .. }) => bail!("malformed data"),
    }
}

/// How long events took from the log to here.
fn observe_delay(events: &[Envelope]) {
    let now = clock::now();
    for event in events {
        let delay = (now - event.time).as_seconds_f64().max(0.0);
        histogram!("projection_delay_seconds", "stage" => STAGE).record(delay);
    }
}
