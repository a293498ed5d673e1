//! Settling tickets: the row of the work list and the event in the log commit together, in one transaction per batch.
//!
//! Appending first and moving the row afterwards would be harmless too (the event's id is derived, and a look-up would
//! repair the row), but then row and event could disagree for a while, and every reader would have to know about it. One
//! transaction leaves nothing to repair, and costs one commit for 200 tickets.

use anyhow::Context as _;
use event_store::{Append, AppendError, EventStore, Expected, NewEvent, append::append_in};
use schemas::{
    Envelope, Position, Version,
    envelope::Metadata,
    event::{CrmDeliveryParked, CrmOutcome, CrmRecordCreated},
};
use sqlx::PgConnection;
use ticket::{Command, Ticket, decide, evolve};

use crate::{metric, queue::Owed};

/// Which CRM, in events.
const SYSTEM: &str = "zoho";
const ACTOR: &str = "system:crm-sink";

/// What became of a ticket, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The CRM holds its record.
    Delivered {
        /// The CRM's id.
        record_id: String,
        /// How that came to be known.
        how: CrmOutcome,
        /// The batch it landed with.
        batch: String,
    },
    /// An operator decides. The reason is a code and our reading of it.
    Parked(String),
}

/// A ticket with its fate. `owed` must be as the row is now: a row that somebody else moved is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The ticket.
    pub owed: Owed,
    /// What became of it.
    pub fate: Fate,
}

/// Records outcomes, all or none, and returns the position of the newest event this led to.
///
/// # Errors
/// When the database fails, or another process moved one of the rows: then nothing was recorded.
pub async fn record(store: &EventStore, mut outcomes: Vec<Outcome>) -> anyhow::Result<Option<Position>> {
    if outcomes.is_empty() {
        return Ok(None);
    }
    let mut appends = Vec::with_capacity(outcomes.len());
    for outcome in &mut outcomes {
        appends.extend(judge(store, outcome).await?);
    }
    let mut transaction = store.pool().begin().await?;
    settle(&mut transaction, &outcomes).await?;
    // Last, because it locks the log's head until the commit.
    let newest = append(&mut transaction, &appends).await?;
    transaction.commit().await?;
    outcomes.iter().for_each(Outcome::tell);
    Ok(newest)
}

/// The event of an outcome, if the domain sees one in it. Where the log knows of another record, the ticket is parked
/// instead: two records of one ticket are what must never be, and a person has to look.
async fn judge(store: &EventStore, outcome: &mut Outcome) -> anyhow::Result<Option<Append>> {
    let stream = store.read_stream(outcome.owed.ticket, Version::NONE).await?;
    let state = stream
        .iter()
        .filter_map(|envelope| Some((envelope.id, envelope.event().ok()?)))
        .fold(Ticket::default(), |ticket, (id, event)| evolve(ticket, id, &event));
    match decide(&state, outcome.command()) {
        Ok(Some(event)) => {
            let cause = stream.iter().find(|envelope| envelope.id == outcome.owed.cause);
            let cause = cause.context("the event that made a ticket due is not in its stream")?;
            let id = cause.id.derive(&outcome.purpose());
            Ok(Some(Append {
                ticket: outcome.owed.ticket,
                // The order among other events of the ticket does not matter; the derived id keeps it single.
                expected: Expected::Any,
                events: vec![NewEvent { id, event, metadata: caused_by(cause) }],
                idempotency: None,
            }))
        }
        Ok(None) => Ok(None),
        Err(rejection) => {
            tracing::error!(ticket.id = %outcome.owed.ticket, %rejection, "the log contradicts the CRM");
            if let Fate::Delivered { .. } = outcome.fate {
                outcome.fate = Fate::Parked("the log knows another record".to_owned());
            }
            Ok(None)
        }
    }
}

fn caused_by(cause: &Envelope) -> Metadata {
    Metadata {
        correlationid: cause.metadata.correlationid,
        causationid: Some(cause.id),
        traceparent: cause.metadata.traceparent.clone(),
        actor: ACTOR.to_owned(),
    }
}

async fn append(connection: &mut PgConnection, appends: &[Append]) -> anyhow::Result<Option<Position>> {
    if appends.is_empty() {
        return Ok(None);
    }
    let mut newest = None;
    for appended in append_in(connection, appends).await? {
        match appended {
            Ok(appended) => newest = newest.max(Some(appended.position)),
            // Recorded by an earlier attempt.
            Err(AppendError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(newest)
}

async fn settle(connection: &mut PgConnection, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let column = |of: fn(&Outcome) -> Option<String>| outcomes.iter().map(of).collect::<Vec<_>>();
    let tickets: Vec<_> = outcomes.iter().map(|outcome| outcome.owed.ticket.to_string()).collect();
    let moved = sqlx::query!(
        "update crm.delivery d
         set state = case when s.reason is null then 'delivered' else 'parked' end,
             record_id = s.record_id, how = s.how, reason = s.reason, settled_at = clock_timestamp()
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
              s(ticket_id, batch, record_id, how, reason)
         where d.ticket_id = s.ticket_id and d.batch is not distinct from s.batch
           and d.state in ('pending', 'sending', 'ambiguous')",
        &tickets,
        &column(|outcome| outcome.owed.batch.clone()) as &[Option<String>],
        &column(|outcome| outcome.record_id().map(str::to_owned)) as &[Option<String>],
        &column(|outcome| outcome.how().map(str::to_owned)) as &[Option<String>],
        &column(|outcome| outcome.reason().map(str::to_owned)) as &[Option<String>],
    )
    .execute(connection)
    .await?;
    anyhow::ensure!(
        moved.rows_affected() == outcomes.len() as u64,
        "another process moved tickets of this lane"
    );
    Ok(())
}

impl Outcome {
    fn command(&self) -> Command {
        let (system, attempts) = (SYSTEM.to_owned(), self.owed.attempts.unsigned_abs());
        match &self.fate {
            Fate::Delivered { record_id, how, batch } => Command::RecordCrmRecord(CrmRecordCreated {
                system,
                record_id: record_id.clone(),
                how: *how,
                attempts,
                batch: batch.clone(),
            }),
            Fate::Parked(reason) => {
                Command::RecordCrmParked(CrmDeliveryParked { system, reason: reason.clone(), attempts })
            }
        }
    }

    /// A ticket has one record, but may be parked again after an operator sent it on its way.
    fn purpose(&self) -> String {
        match &self.fate {
            Fate::Delivered { .. } => "crm-record-created".to_owned(),
            Fate::Parked(_) => {
                format!("crm-delivery-parked {}", self.owed.batch.as_deref().unwrap_or("unsent"))
            }
        }
    }

    fn record_id(&self) -> Option<&str> {
        if let Fate::Delivered { record_id, .. } = &self.fate { Some(record_id) } else { None }
    }

    fn reason(&self) -> Option<&str> {
        if let Fate::Parked(reason) = &self.fate { Some(reason) } else { None }
    }

    fn how(&self) -> Option<&'static str> {
        match self.fate {
            Fate::Delivered { how: CrmOutcome::Posted, .. } => Some("posted"),
            Fate::Delivered { how: CrmOutcome::Found, .. } => Some("found"),
            Fate::Delivered { how: CrmOutcome::Duplicate, .. } => Some("duplicate"),
            Fate::Parked(_) => None,
        }
    }

    fn tell(&self) {
        metric::delivered(self.how().unwrap_or("parked"), 1);
        if let Fate::Parked(reason) = &self.fate {
            tracing::error!(ticket.id = %self.owed.ticket, batch = self.owed.batch, reason, "parked");
        }
    }
}
