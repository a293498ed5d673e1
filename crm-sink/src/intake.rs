//! What a system is owed: a projection, so that a ticket enters the work list in the transaction that moves the
//! checkpoint. It has no way to call out; rebuilding it therefore sends nothing by itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemas::{Envelope, TicketEvent, analysis::Priority, subject};
use sqlx::PgConnection;
use subscription::Projection;

/// Name of the stage of a sink: its checkpoint, its durable consumer, its lock.
#[must_use]
pub fn stage(sink: &'static str) -> &'static str {
    match sink {
        crate::webhook::SYSTEM => "crm-sink-webhook",
        _ => "crm-sink",
    }
}

/// Puts tickets on the work list once their analysis has come to an end, good or bad: a ticket that could not be analyzed
/// is delivered without an analysis, because nothing is dropped. Later changes make its record due for an update.
#[derive(Clone, Copy, Debug)]
pub struct Intake {
    /// For whom.
    pub sink: &'static str,
}

impl Projection for Intake {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        self.add(connection, events).await?;
        self.outdate(connection, events).await
    }
}

impl Intake {
    /// The first event counts, as it would in any replay of the log.
    async fn add(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let due: Vec<_> = events.iter().filter(|event| makes_due(event)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let tickets: Vec<_> = due.iter().map(|event| event.subject.to_string()).collect();
        let ids: Vec<_> = due.iter().map(|event| event.id.as_uuid()).collect();
        let positions: Vec<_> = due.iter().map(|event| event.position.0).collect();
        let times: Vec<_> = due.iter().map(|event| event.time).collect();
        let urgent: Vec<_> = due.iter().map(|event| is_urgent(event)).collect();
        sqlx::query!(
            "insert into crm.delivery (sink, ticket_id, event_id, position, wanted, due_at, urgent)
             select $1, d.ticket_id, d.event_id, d.position, d.position, d.due_at, d.urgent
             from unnest($2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::boolean[])
                  d(ticket_id, event_id, position, due_at, urgent)
             on conflict (sink, ticket_id) do nothing",
            self.sink,
            &tickets,
            &ids,
            &positions,
            &times,
            &urgent,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The newest change of each ticket counts; the time is the first one's, so that a ticket that keeps changing does not
    /// keep waiting. What the system refused to be told earlier may be fine now.
    async fn outdate(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let mut changes: BTreeMap<String, (i64, DateTime<Utc>)> = BTreeMap::new();
        for event in events.iter().filter(|event| changes_record(event)) {
            let change = changes.entry(event.subject.to_string()).or_insert((0, event.time));
            change.0 = event.position.0;
        }
        if changes.is_empty() {
            return Ok(());
        }
        let tickets: Vec<_> = changes.keys().cloned().collect();
        let (positions, times): (Vec<_>, Vec<_>) = changes.into_values().unzip();
        sqlx::query!(
            "update crm.delivery d
             set update_due_at = case when d.wanted > d.told and d.update_refused is null and d.update_due_at is not null
                                      then d.update_due_at else c.at end,
                 wanted = c.position, update_refused = null,
                 update_attempts = case when d.update_refused is null then d.update_attempts else 0 end
             from unnest($2::text[], $3::bigint[], $4::timestamptz[]) c(ticket_id, position, at)
             where d.sink = $1 and d.ticket_id = c.ticket_id and d.wanted < c.position",
            self.sink,
            &tickets,
            &positions,
            &times,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// By the subject's token and not by the data: a later version of the event makes the ticket due all the same.
fn makes_due(event: &Envelope) -> bool {
    matches!(subject::token(&event.type_name), "analyzed" | "analysis-failed")
}

fn changes_record(event: &Envelope) -> bool {
    matches!(
        subject::token(&event.type_name),
        "analyzed" | "analysis-corrected" | "assigned" | "resolved" | "reopened" | "closed"
    )
}

fn is_urgent(event: &Envelope) -> bool {
    let Ok(TicketEvent::Analyzed(analysis)) = event.event() else { return false };
    matches!(analysis.priority.label, Priority::High | Priority::Critical)
}
