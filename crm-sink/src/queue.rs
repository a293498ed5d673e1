//! The work list, `crm.delivery`: every statement that moves a ticket to a state in which it is not settled. What settles
//! one is in [`crate::outcome`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::{EventId, Position, TicketId};
use sqlx::{PgPool, postgres::types::PgInterval};

use crate::{control, destination::Sought};

/// Tickets of one look-up by ticket: keeps the address below 2 KB, the shortest limit that is in use anywhere.
pub const MAX_SOUGHT: usize = 20;

/// A ticket on the work list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Which one.
    pub ticket: TicketId,
    /// The event that made it due.
    pub cause: EventId,
    /// The place of that event.
    pub position: Position,
    /// Requests that carried it so far.
    pub attempts: i32,
    /// The batch of the latest one.
    pub batch: Option<String>,
    /// When it fell due.
    pub due_at: DateTime<Utc>,
    /// It need not wait for company.
    pub urgent: bool,
    /// Its part of a batch that was refused as a whole.
    pub slice: Option<String>,
    /// Records of it that were lost so far.
    pub lost: i32,
    /// What the system says against it, where only a look-up makes that certain.
    pub refused: Option<String>,
}

/// A record that should say more than it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Of which ticket.
    pub ticket: TicketId,
    /// The system's id.
    pub record_id: String,
    /// Requests so far that tried to bring it up to date.
    pub attempts: i32,
    /// Records of the ticket that were lost so far.
    pub lost: i32,
}

/// A row as the database returns it.
struct Row {
    ticket_id: String,
    event_id: uuid::Uuid,
    position: i64,
    attempts: i32,
    batch: Option<String>,
    due_at: DateTime<Utc>,
    urgent: bool,
    slice: Option<String>,
    lost: i32,
    refused: Option<String>,
}

impl Row {
    fn dress(self) -> sqlx::Result<Owed> {
        Ok(Owed {
            ticket: parse(&self.ticket_id)?,
            cause: EventId::new(self.event_id),
            position: Position(self.position),
            attempts: self.attempts,
            batch: self.batch,
            due_at: self.due_at,
            urgent: self.urgent,
            slice: self.slice,
            lost: self.lost,
            refused: self.refused,
        })
    }
}

/// What the database takes the time to be. All processes of the sink go by this one clock.
pub async fn clock(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(pool).await
}

/// What to look up, in which words, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// The words.
    pub sought: Sought,
    /// The tickets that wait for it.
    pub owed: Vec<Owed>,
}

/// The work list of one sink.
#[derive(Clone, Debug)]
pub struct Queue {
    pool: PgPool,
    sink: &'static str,
}

impl Queue {
    /// The work list of `sink`.
    #[must_use]
    pub const fn new(pool: PgPool, sink: &'static str) -> Self {
        Self { pool, sink }
    }

    /// The database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whose list it is.
    #[must_use]
    pub const fn sink(&self) -> &'static str {
        self.sink
    }

    /// Whoever sent these is gone, and the answers with them: only a look-up tells, or, where nobody can be asked, sending
    /// them again. Returns how many.
    pub async fn recover(&self, can_be_asked: bool) -> sqlx::Result<u64> {
        let done = sqlx::query!(
            "update crm.delivery set state = case when $2 then 'ambiguous' else 'pending' end
             where sink = $1 and state = 'sending'",
            self.sink,
            can_be_asked,
        );
        Ok(done.execute(&self.pool).await?.rows_affected())
    }

    /// Pending tickets that are due, at most `limit`: what is left of a spoiled batch first and by itself, then urgent
    /// ones, then whoever has waited longest.
    pub async fn pending(&self, now: DateTime<Utc>, limit: usize) -> sqlx::Result<Vec<Owed>> {
        let rows = sqlx::query_as!(
            Row,
            "select ticket_id, event_id, position, attempts, batch, due_at, urgent, slice, lost, refused
             from crm.delivery
             where sink = $1 and state = 'pending' and due_at <= $2
             order by slice nulls last, urgent desc, due_at, position limit $3",
            self.sink,
            now,
            limit as i64,
        );
        let mut owed: Vec<_> =
            rows.fetch_all(&self.pool).await?.into_iter().map(Row::dress).collect::<sqlx::Result<_>>()?;
        if let Some(slice) = owed.first().and_then(|first| first.slice.clone()) {
            owed.retain(|owed| owed.slice.as_ref() == Some(&slice));
        }
        Ok(owed)
    }

    /// Marks tickets as being sent in `batch`, an attempt each, not to be looked up before `look_up_at`; `built` is the
    /// newest event behind each record. Once this has committed, the request may leave. Returns those that were still
    /// pending.
    ///
    /// # Errors
    /// Also [`control::Replaced`].
    pub async fn claim(
        &self,
        fence: i64,
        tickets: &[(TicketId, Position)],
        batch: &str,
        now: DateTime<Utc>,
        look_up_at: DateTime<Utc>,
    ) -> anyhow::Result<Vec<TicketId>> {
        let built: Vec<_> = tickets.iter().map(|(_, position)| position.0).collect();
        let tickets: Vec<_> = tickets.iter().map(|(ticket, _)| ticket.to_string()).collect();
        let mut transaction = self.pool.begin().await?;
        control::hold_to_send(&mut transaction, self.sink, fence, now).await?;
        let claimed = sqlx::query_scalar!(
            "update crm.delivery d
             set state = 'sending', batch = $3, attempts = attempts + 1, sent_at = $4, due_at = $5, how = null,
                 built = c.built
             from unnest($2::text[], $6::bigint[]) c(ticket_id, built)
             where d.sink = $1 and d.ticket_id = c.ticket_id and d.state = 'pending' returning d.ticket_id",
            self.sink,
            &tickets,
            batch,
            now,
            look_up_at,
            &built,
        )
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claimed.iter().map(|text| parse(text)).collect::<sqlx::Result<_>>()?)
    }

    /// The request did nothing, for a reason that is not the tickets': as if it had never been made, but not again before
    /// `due_at`.
    pub async fn release(
        &self,
        tickets: &[TicketId],
        batch: &str,
        due_at: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set state = 'pending', attempts = attempts - 1, due_at = $4
             where sink = $1 and ticket_id = any($2) and batch = $3 and state = 'sending'",
            self.sink,
            &texts(tickets),
            batch,
            due_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The request did nothing because of something in one of these tickets: to be sent again in a smaller company, which
    /// `slice` names.
    pub async fn set_apart(
        &self,
        tickets: &[TicketId],
        batch: &str,
        slice: &str,
        due_at: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set state = 'pending', attempts = attempts - 1, due_at = $5, slice = $4
             where sink = $1 and ticket_id = any($2) and batch = $3 and state = 'sending'",
            self.sink,
            &texts(tickets),
            batch,
            slice,
            due_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The answer says nothing about these tickets. When to look them up was set when they were claimed.
    pub async fn doubt(&self, tickets: &[TicketId], batch: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set state = 'ambiguous'
             where sink = $1 and ticket_id = any($2) and batch = $3 and state = 'sending'",
            self.sink,
            &texts(tickets),
            batch,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The CRM says that it has no records of these tickets, and why. One look-up makes it certain, at once: this answer did
    /// arrive.
    pub async fn mark_refused(
        &self,
        refusals: &[(TicketId, String)],
        batch: &str,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        let (tickets, reasons): (Vec<_>, Vec<_>) =
            refusals.iter().map(|(ticket, reason)| (ticket.to_string(), reason.clone())).unzip();
        sqlx::query!(
            "update crm.delivery d set state = 'ambiguous', refused = r.reason, due_at = $4
             from unnest($2::text[], $5::text[]) r(ticket_id, reason)
             where d.sink = $1 and d.ticket_id = r.ticket_id and d.batch = $3 and d.state = 'sending'",
            self.sink,
            &tickets,
            batch,
            now,
            &reasons,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The CRM holds records of these tickets already. That is certain, so they can be looked up at once.
    pub async fn mark_duplicates(
        &self,
        tickets: &[TicketId],
        batch: &str,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set state = 'ambiguous', how = 'duplicate', due_at = $4
             where sink = $1 and ticket_id = any($2) and batch = $3 and state = 'sending'",
            self.sink,
            &texts(tickets),
            batch,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The look-up that is due first.
    pub async fn look_up(&self, now: DateTime<Utc>) -> sqlx::Result<Option<LookUp>> {
        let first = sqlx::query!(
            r#"select batch as "batch!", how is not null as "by_ticket!" from crm.delivery
               where sink = $1 and state = 'ambiguous' and due_at <= $2 order by due_at, position limit 1"#,
            self.sink,
            now,
        );
        match first.fetch_optional(&self.pool).await? {
            Some(first) if first.by_ticket => {
                let owed = self.duplicates(now).await?;
                let sought = Sought::Tickets(owed.iter().map(|owed| owed.ticket).collect());
                Ok(Some(LookUp { sought, owed }))
            }
            Some(first) => {
                let owed = self.doubtful(&first.batch, now).await?;
                Ok(Some(LookUp { sought: Sought::Batch(first.batch), owed }))
            }
            None => Ok(None),
        }
    }

    async fn doubtful(&self, batch: &str, now: DateTime<Utc>) -> sqlx::Result<Vec<Owed>> {
        let rows = sqlx::query_as!(
            Row,
            "select ticket_id, event_id, position, attempts, batch, due_at, urgent, slice, lost, refused
             from crm.delivery
             where sink = $1 and state = 'ambiguous' and batch = $2 and how is null and due_at <= $3",
            self.sink,
            batch,
            now,
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(Row::dress).collect()
    }

    async fn duplicates(&self, now: DateTime<Utc>) -> sqlx::Result<Vec<Owed>> {
        let rows = sqlx::query_as!(
            Row,
            "select ticket_id, event_id, position, attempts, batch, due_at, urgent, slice, lost, refused
             from crm.delivery
             where sink = $1 and state = 'ambiguous' and how is not null and due_at <= $2
             order by due_at, position limit $3",
            self.sink,
            now,
            MAX_SOUGHT as i64,
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(Row::dress).collect()
    }

    /// The record that has been out of date for longest, of those whose update is due.
    pub async fn outdated(&self, now: DateTime<Utc>) -> sqlx::Result<Option<Outdated>> {
        let row = sqlx::query!(
            r#"select ticket_id, record_id as "record_id!", update_attempts, lost from crm.delivery
               where sink = $1 and state = 'delivered' and wanted > told and update_refused is null
                 and update_due_at <= $2
               order by update_due_at limit 1"#,
            self.sink,
            now,
        )
        .fetch_optional(&self.pool)
        .await?;
        let dress = |ticket: &str, record_id, attempts, lost| {
            Ok(Outdated { ticket: parse(ticket)?, record_id, attempts, lost })
        };
        row.map(|row| dress(&row.ticket_id, row.record_id, row.update_attempts, row.lost)).transpose()
    }

    /// The row of a delivered ticket.
    pub async fn delivered(&self, ticket: TicketId) -> sqlx::Result<Option<Owed>> {
        let row = sqlx::query_as!(
            Row,
            "select ticket_id, event_id, position, attempts, batch, due_at, urgent, slice, lost, refused
             from crm.delivery
             where sink = $1 and ticket_id = $2 and state = 'delivered'",
            self.sink,
            ticket.to_string(),
        );
        row.fetch_optional(&self.pool).await?.map(Row::dress).transpose()
    }

    /// Marks a record as being brought up to date; not again before `again_at`, unless the answer says otherwise. Once this
    /// has committed, the request may leave.
    ///
    /// # Errors
    /// Also [`control::Replaced`].
    pub async fn claim_update(
        &self,
        fence: i64,
        outdated: &Outdated,
        again_at: DateTime<Utc>,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        control::hold(&mut transaction, self.sink, fence).await?;
        let claimed = sqlx::query!(
            "update crm.delivery set update_attempts = update_attempts + 1, update_due_at = $4
             where sink = $1 and ticket_id = $2 and state = 'delivered' and record_id = $3",
            self.sink,
            outdated.ticket.to_string(),
            outdated.record_id,
            again_at,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claimed.rows_affected() > 0)
    }

    /// The update did nothing, for a reason that is not the ticket's.
    pub async fn release_update(&self, ticket: TicketId, due_at: DateTime<Utc>) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set update_attempts = update_attempts - 1, update_due_at = $3
             where sink = $1 and ticket_id = $2",
            self.sink,
            ticket.to_string(),
            due_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Perhaps the update did something: to be repeated, but not before that can no longer overtake the repetition.
    pub async fn delay_update(&self, ticket: TicketId, due_at: DateTime<Utc>) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set update_due_at = greatest(update_due_at, $3)
             where sink = $1 and ticket_id = $2",
            self.sink,
            ticket.to_string(),
            due_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The record cannot say what it should: it stays as it is until the ticket changes again, or an operator decides.
    pub async fn refuse_update(&self, ticket: TicketId, reason: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "update crm.delivery set update_refused = $3 where sink = $1 and ticket_id = $2",
            self.sink,
            ticket.to_string(),
            reason,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// When something falls due next. Tickets wait `linger` for company, and until the `next_call`; outdated records wait
    /// `linger` for more changes.
    pub async fn next_due(
        &self,
        linger: Duration,
        next_call: Option<DateTime<Utc>>,
    ) -> sqlx::Result<Option<DateTime<Utc>>> {
        sqlx::query_scalar!(
            "select least(
                 (select min(due_at) from crm.delivery where sink = $1 and state = 'ambiguous'),
                 (select greatest(min(due_at) + $2, $3) from crm.delivery where sink = $1 and state = 'pending'
                  having count(*) > 0),
                 (select min(update_due_at) + $2 from crm.delivery
                  where sink = $1 and state = 'delivered' and wanted > told and update_refused is null))",
            self.sink,
            interval(linger),
            next_call,
        )
        .fetch_one(&self.pool)
        .await
    }
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: duration.as_micros() as i64 }
}

fn parse(ticket: &str) -> sqlx::Result<TicketId> {
    ticket.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn texts(tickets: &[TicketId]) -> Vec<String> {
    tickets.iter().map(ToString::to_string).collect()
}
