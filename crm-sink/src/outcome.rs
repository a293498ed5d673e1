//! Settling tickets: the row of the work list and the event in the log commit together, in one transaction per batch.
//!
//! Appending first and moving the row afterwards would be harmless too (the event's id is derived, and a look-up would
//! repair the row), but then row and event could disagree for a while, and every reader would have to know about it. One
//! transaction leaves nothing to repair, and costs one commit for 200 tickets.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use crash_points::reach;
use event_store::{Append, AppendError, EventStore, Expected, NewEvent, append::append_in};
use schemas::{
    Envelope, EventId, Position, TicketEvent, TicketId, Version,
    envelope::Metadata,
    event::{
        CrmDeliveryAttempted, CrmDeliveryParked, CrmOutcome, CrmRecordCreated, CrmRecordLost,
        CrmRecordUpdated,
    },
};
use sqlx::PgConnection;
use ticket::{Command, Rejection, Ticket, decide, evolve};

use crate::{
    control, metric,
    queue::{Outdated, Owed},
};

const ACTOR: &str = "system:crm-sink";
/// The sink of the first hour: its events have ids that do not name it.
const FIRST: &str = "zoho";

/// What became of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The system holds its record.
    Delivered {
        /// The system's id.
        record_id: String,
        /// How that came to be known.
        how: CrmOutcome,
        /// The batch it landed with.
        batch: String,
    },
    /// An operator decides. The reason is a code and our reading of it.
    Parked(String),
    /// A request that counts left no record; the next goes out at that time.
    Again {
        /// When.
        due_at: DateTime<Utc>,
        /// What is known of the request.
        reason: &'static str,
    },
    /// The system no longer holds its record; it is delivered anew.
    Lost {
        /// The id it had.
        record_id: String,
        /// Who noticed.
        noticed: &'static str,
        /// When it may be sent.
        due_at: DateTime<Utc>,
    },
}

/// A ticket with its fate. `owed` must be as the row is now: a row that somebody else moved is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The ticket.
    pub owed: Owed,
    /// What became of it.
    pub fate: Fate,
}

/// Records what became of tickets, for one sink and by its newest leader.
#[derive(Clone, Debug)]
pub struct Recorder {
    store: EventStore,
    sink: &'static str,
    fence: i64,
}

impl Recorder {
    /// For the leader with that number.
    #[must_use]
    pub const fn new(store: EventStore, sink: &'static str, fence: i64) -> Self {
        Self { store, sink, fence }
    }

    /// Records outcomes, all or none, and returns the position of the newest event this led to.
    ///
    /// # Errors
    /// When the database fails, or another process moved one of the rows or leads the lane: then nothing was recorded.
    pub async fn record(&self, mut outcomes: Vec<Outcome>) -> anyhow::Result<Option<Position>> {
        if outcomes.is_empty() {
            return Ok(None);
        }
        let mut appends = Vec::with_capacity(outcomes.len());
        for outcome in &mut outcomes {
            appends.extend(self.judge(outcome).await?);
        }
        let mut transaction = self.store.pool().begin().await?;
        control::hold(&mut transaction, self.sink, self.fence).await?;
        settle(&mut transaction, self.sink, &outcomes).await?;
        // Last, because it locks the log's head until the commit.
        let newest = append(&mut transaction, &appends).await?;
        reach("crm.settling");
        transaction.commit().await?;
        reach("crm.settled");
        for outcome in &outcomes {
            outcome.tell(self.sink);
        }
        Ok(newest)
    }

    /// Records that a record says everything up to the event at `through`.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub async fn record_update(
        &self,
        outdated: &Outdated,
        through: Position,
    ) -> anyhow::Result<Option<Position>> {
        let (stream, state) = self.load(outdated.ticket).await?;
        let command = Command::RecordCrmUpdate(CrmRecordUpdated {
            system: self.sink.to_owned(),
            record_id: outdated.record_id.clone(),
            through,
            attempts: (outdated.attempts + 1).unsigned_abs(),
        });
        let event = decide(&state, command).map_err(|rejection| contradiction(outdated.ticket, &rejection));
        let cause = stream.iter().find(|envelope| envelope.position == through);
        let appends = match (event, cause) {
            (Ok(Some(event)), Some(cause)) => {
                vec![single(outdated.ticket, cause, event, &self.update_purpose(outdated))]
            }
            _ => vec![],
        };
        let mut transaction = self.store.pool().begin().await?;
        control::hold(&mut transaction, self.sink, self.fence).await?;
        settle_update(&mut transaction, self.sink, outdated, through).await?;
        let newest = append(&mut transaction, &appends).await?;
        reach("crm.update-settling");
        transaction.commit().await?;
        reach("crm.update-settled");
        Ok(newest)
    }

    /// The event of an outcome, if the domain sees one in it. Where the log knows of another record, the ticket is parked
    /// instead: two records of one ticket are what must never be, and a person has to look.
    async fn judge(&self, outcome: &mut Outcome) -> anyhow::Result<Option<Append>> {
        let (stream, state) = self.load(outcome.owed.ticket).await?;
        match decide(&state, outcome.command(self.sink)) {
            Ok(Some(event)) => {
                let cause = stream.iter().find(|envelope| envelope.id == outcome.owed.cause);
                let cause = cause.context("the event that made a ticket due is not in its stream")?;
                Ok(Some(single(outcome.owed.ticket, cause, event, &outcome.purpose(self.sink))))
            }
            Ok(None) => Ok(None),
            Err(rejection) => {
                contradiction(outcome.owed.ticket, &rejection);
                if let Fate::Delivered { .. } = outcome.fate {
                    outcome.fate = Fate::Parked("the log knows another record".to_owned());
                }
                Ok(None)
            }
        }
    }

    async fn load(&self, ticket: TicketId) -> anyhow::Result<(Vec<Envelope>, Ticket)> {
        let stream = self.store.read_stream(ticket, Version::NONE).await?;
        let state = stream
            .iter()
            .filter_map(|envelope| Some((envelope.id, envelope.event().ok()?)))
            .fold(Ticket::default(), |ticket, (id, event)| evolve(ticket, id, &event));
        Ok((stream, state))
    }

    fn update_purpose(&self, outdated: &Outdated) -> String {
        named(self.sink, &format!("crm-record-updated after {} lost", outdated.lost))
    }
}

fn contradiction(ticket: TicketId, rejection: &Rejection) {
    tracing::error!(ticket.id = %ticket, %rejection, "the log contradicts the CRM");
}

/// One event that follows from `cause`. The order among other events of the ticket does not matter; the derived id keeps
/// it single.
fn single(ticket: TicketId, cause: &Envelope, event: TicketEvent, purpose: &str) -> Append {
    let id: EventId = cause.id.derive(purpose);
    let events = vec![NewEvent { id, event, metadata: caused_by(cause) }];
    Append { ticket, expected: Expected::Any, events, idempotency: None }
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

/// What a record tells once it is known: the facts it was built from. Where several requests carried the ticket, or the
/// record is an older one, only the first event behind it is certain.
async fn settle(connection: &mut PgConnection, sink: &str, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let column = |of: fn(&Outcome) -> Option<String>| outcomes.iter().map(of).collect::<Vec<_>>();
    let tickets: Vec<_> = outcomes.iter().map(|outcome| outcome.owed.ticket.to_string()).collect();
    let states: Vec<_> = outcomes.iter().map(|outcome| outcome.state().to_owned()).collect();
    let due: Vec<_> = outcomes.iter().map(Outcome::due_at).collect();
    let moved = sqlx::query!(
        "update crm.delivery d
         set state = s.state, record_id = s.record_id, how = s.how, reason = s.reason,
             due_at = coalesce(s.due_at, d.due_at), slice = null, refused = null,
             settled_at = case when s.state <> 'pending' then clock_timestamp() end,
             attempts = case when s.lost is null then d.attempts else 0 end,
             lost = case when s.lost is null then d.lost else d.lost + 1 end,
             told = case when s.state <> 'delivered' then d.told
                         when s.how = 'duplicate' or d.attempts > 1 then d.position
                         else coalesce(d.built, d.position) end,
             update_due_at = case when s.state = 'delivered' then clock_timestamp() end,
             update_attempts = 0, update_refused = null
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[])
              s(ticket_id, batch, state, record_id, how, reason, due_at, lost)
         where d.sink = $1 and d.ticket_id = s.ticket_id
           and case when s.lost is null
                    then d.batch is not distinct from s.batch and d.state in ('pending', 'sending', 'ambiguous')
                    else d.state = 'delivered' and d.record_id = s.lost end",
        sink,
        &tickets,
        &column(|outcome| outcome.owed.batch.clone()) as &[Option<String>],
        &states,
        &column(|outcome| outcome.record_id().map(str::to_owned)) as &[Option<String>],
        &column(|outcome| outcome.how().map(str::to_owned)) as &[Option<String>],
        &column(|outcome| outcome.reason().map(str::to_owned)) as &[Option<String>],
        &due as &[Option<DateTime<Utc>>],
        &column(|outcome| outcome.lost_record().map(str::to_owned)) as &[Option<String>],
    )
    .execute(connection)
    .await?;
    anyhow::ensure!(
        moved.rows_affected() == outcomes.len() as u64,
        "another process moved tickets of this lane"
    );
    Ok(())
}

async fn settle_update(
    connection: &mut PgConnection,
    sink: &str,
    outdated: &Outdated,
    through: Position,
) -> anyhow::Result<()> {
    let moved = sqlx::query!(
        "update crm.delivery
         set told = greatest(told, $4), update_attempts = 0,
             update_due_at = case when wanted > $4 then clock_timestamp() end
         where sink = $1 and ticket_id = $2 and state = 'delivered' and record_id = $3",
        sink,
        outdated.ticket.to_string(),
        outdated.record_id,
        through.0,
    )
    .execute(connection)
    .await?;
    anyhow::ensure!(moved.rows_affected() == 1, "another process moved tickets of this lane");
    Ok(())
}

fn named(sink: &str, purpose: &str) -> String {
    if sink == FIRST { purpose.to_owned() } else { format!("{sink} {purpose}") }
}

impl Outcome {
    fn command(&self, sink: &str) -> Command {
        let (system, attempts) = (sink.to_owned(), self.owed.attempts.unsigned_abs());
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
            Fate::Again { reason, .. } => Command::RecordCrmAttempt(CrmDeliveryAttempted {
                system,
                batch: self.owed.batch.clone().unwrap_or_default(),
                attempt: attempts,
                reason: (*reason).to_owned(),
            }),
            Fate::Lost { record_id, noticed, .. } => Command::RecordCrmLoss(CrmRecordLost {
                system,
                record_id: record_id.clone(),
                noticed: (*noticed).to_owned(),
            }),
        }
    }

    /// A ticket has one record until that is lost, but may be tried and parked many times.
    fn purpose(&self, sink: &str) -> String {
        let batch = self.owed.batch.as_deref().unwrap_or("unsent");
        let purpose = match &self.fate {
            Fate::Delivered { .. } if self.owed.lost == 0 => "crm-record-created".to_owned(),
            Fate::Delivered { .. } => format!("crm-record-created after {} lost", self.owed.lost),
            Fate::Parked(_) => format!("crm-delivery-parked {batch}"),
            Fate::Again { .. } => format!("crm-delivery-attempted {batch}"),
            Fate::Lost { record_id, .. } => format!("crm-record-lost {record_id}"),
        };
        named(sink, &purpose)
    }

    const fn state(&self) -> &'static str {
        match self.fate {
            Fate::Delivered { .. } => "delivered",
            Fate::Parked(_) => "parked",
            Fate::Again { .. } | Fate::Lost { .. } => "pending",
        }
    }

    fn record_id(&self) -> Option<&str> {
        if let Fate::Delivered { record_id, .. } = &self.fate { Some(record_id) } else { None }
    }

    fn lost_record(&self) -> Option<&str> {
        if let Fate::Lost { record_id, .. } = &self.fate { Some(record_id) } else { None }
    }

    fn reason(&self) -> Option<&str> {
        if let Fate::Parked(reason) = &self.fate { Some(reason) } else { None }
    }

    const fn due_at(&self) -> Option<DateTime<Utc>> {
        match self.fate {
            Fate::Again { due_at, .. } | Fate::Lost { due_at, .. } => Some(due_at),
            Fate::Delivered { .. } | Fate::Parked(_) => None,
        }
    }

    fn how(&self) -> Option<&'static str> {
        let Fate::Delivered { how, .. } = self.fate else { return None };
        Some(match how {
            CrmOutcome::Posted => "posted",
            CrmOutcome::Found => "found",
            CrmOutcome::Duplicate => "duplicate",
        })
    }

    fn tell(&self, sink: &'static str) {
        let (ticket, batch) = (self.owed.ticket, &self.owed.batch);
        let outcome = match &self.fate {
            Fate::Delivered { .. } => self.how().unwrap_or_default(),
            Fate::Parked(reason) => {
                tracing::error!(ticket.id = %ticket, sink, batch, reason, "parked");
                "parked"
            }
            Fate::Again { due_at, reason } => {
                tracing::warn!(ticket.id = %ticket, sink, batch, reason, %due_at, "to be sent again");
                "retry"
            }
            Fate::Lost { record_id, noticed, .. } => {
                tracing::error!(ticket.id = %ticket, sink, record_id, noticed, "the CRM no longer holds a record");
                "lost"
            }
        };
        metric::delivered(sink, outcome, 1);
    }
}
