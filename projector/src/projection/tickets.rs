//! The tickets a batch is about: loaded once, saved once.

use std::collections::HashMap;

use event_store::KeyRing;
use schemas::{Envelope, TicketId};
use sqlx::{PgConnection, types::Json};

use super::{
    embeddings::Embeddings,
    fact::Fact,
    fold::{Folded, fold},
};
use crate::{
    queries::timed,
    read_model::{Ticket, select_tickets},
    statistics::Changes,
};

/// Tickets, and what happens to them.
pub(super) struct Touched {
    tickets: HashMap<TicketId, Option<Folded>>,
    changes: Changes,
}

/// The tickets of `events` as far as the read model knows them.
pub(super) async fn load(connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<Touched> {
    let mut tickets: HashMap<_, _> = events.iter().map(|event| (event.subject, None)).collect();
    let ids: Vec<String> = tickets.keys().map(TicketId::to_string).collect();
    let query = select_tickets!("where id = any($1)", &ids);
    for ticket in timed("select", "tickets", query.fetch_all(connection)).await? {
        tickets.insert(ticket.id.parse()?, Some(Folded::known(ticket)));
    }
    Ok(Touched { tickets, changes: Changes::default() })
}

impl Touched {
    /// Folds one event.
    pub(super) fn fold(&mut self, ring: &KeyRing, fact: &Fact<'_>) {
        let ticket = self.tickets.entry(fact.event.subject).or_default();
        fold(ticket, ring, fact, &mut self.changes);
    }

    /// Writes every ticket in one statement, and the counters that changed.
    pub(super) async fn save(mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let mut tickets: Vec<Ticket> = vec![];
        let mut embeddings = Embeddings::default();
        for mut folded in self.tickets.into_values().flatten() {
            folded.count(&mut self.changes);
            embeddings.note(&folded);
            tickets.push(folded.ticket);
        }
        // Ids sort by creation, so new rows are written in the order of the indexes.
        tickets.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        save(connection, &tickets).await?;
        embeddings.save(connection).await?;
        self.changes.save(connection).await
    }
}

/// What never changes after the submission is not updated.
async fn save(connection: &mut PgConnection, tickets: &[Ticket]) -> anyhow::Result<()> {
    let query = sqlx::query!(
        "insert into projector.tickets
             (id, number, requester_id, name, email, description, summary, entities, request_type, status, category,
              priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_system, crm_record_id,
              crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee,
              corrections, language, resolved_at, resolutions, reopenings, satisfaction)
         select id, number, requester_id, name, email, description, summary, entities, request_type, status, category,
                priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_system, crm_record_id,
                crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee,
                corrections, language, resolved_at, resolutions, reopenings, satisfaction
         from jsonb_populate_recordset(null::projector.tickets, $1)
         on conflict (id) do update set
             (status, category, priority, sentiment, kind, route, urgency, summary, entities, analysis,
              needs_review, degraded, crm_system, crm_record_id, crm_status, analyzed_at, crm_delivered_at,
              updated_at, position, version, assignee, corrections, language, resolved_at, resolutions, reopenings,
              satisfaction) =
             (excluded.status, excluded.category, excluded.priority, excluded.sentiment, excluded.kind,
              excluded.route, excluded.urgency, excluded.summary, excluded.entities, excluded.analysis,
              excluded.needs_review, excluded.degraded, excluded.crm_system, excluded.crm_record_id,
              excluded.crm_status, excluded.analyzed_at, excluded.crm_delivered_at, excluded.updated_at,
              excluded.position, excluded.version, excluded.assignee, excluded.corrections, excluded.language,
              excluded.resolved_at, excluded.resolutions, excluded.reopenings, excluded.satisfaction)",
        Json(tickets) as _,
    );
    timed("upsert", "tickets", query.execute(connection)).await?;
    Ok(())
}
