//! The tickets a batch is about: loaded once, saved once.

use std::collections::BTreeMap;

use schemas::Envelope;
use sqlx::{PgConnection, types::Json};

use crate::{
    queries::timed,
    read_model::{Ticket, select_tickets},
};

/// Tickets by id. Ids sort by creation, so new rows are written in the order of the indexes.
pub(super) struct Touched(BTreeMap<String, Ticket>);

/// The tickets of `events` as far as the read model knows them.
pub(super) async fn load(connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<Touched> {
    let ids: Vec<String> = events.iter().map(|event| event.subject.to_string()).collect();
    let query = select_tickets!("where id = any($1)", &ids);
    let rows = timed("select", "tickets", query.fetch_all(connection)).await?;
    Ok(Touched(rows.into_iter().map(|ticket| (ticket.id.clone(), ticket)).collect()))
}

impl Touched {
    /// Whether the event's ticket is in the read model.
    pub(super) fn knows(&self, event: &Envelope) -> bool {
        self.0.contains_key(&event.subject.to_string())
    }

    /// A new ticket.
    pub(super) fn add(&mut self, ticket: Ticket) {
        self.0.insert(ticket.id.clone(), ticket);
    }

    /// The event's ticket, if it has not seen the event: applying an event again changes nothing.
    pub(super) fn unseen(&mut self, event: &Envelope) -> Option<&mut Ticket> {
        self.0.get_mut(&event.subject.to_string()).filter(|ticket| ticket.position < event.position.0)
    }

    /// Writes every ticket in one statement. What never changes after the submission is not updated.
    pub(super) async fn save(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let tickets: Vec<Ticket> = self.0.into_values().collect();
        let query = sqlx::query!(
            "insert into projector.tickets
             select * from jsonb_populate_recordset(null::projector.tickets, $1)
             on conflict (id) do update set
                 (status, category, priority, sentiment, kind, route, urgency, summary, entities, analysis,
                  needs_review, degraded, crm_system, crm_record_id, crm_status, analyzed_at, crm_delivered_at,
                  updated_at, position, version, assignee, corrections) =
                 (excluded.status, excluded.category, excluded.priority, excluded.sentiment, excluded.kind,
                  excluded.route, excluded.urgency, excluded.summary, excluded.entities, excluded.analysis,
                  excluded.needs_review, excluded.degraded, excluded.crm_system, excluded.crm_record_id,
                  excluded.crm_status, excluded.analyzed_at, excluded.crm_delivered_at, excluded.updated_at,
                  excluded.position, excluded.version, excluded.assignee, excluded.corrections)",
            Json(&tickets) as _,
        );
        timed("upsert", "tickets", query.execute(connection)).await?;
        Ok(())
    }
}
