//! The tickets a batch is about: loaded once, saved once.

use std::collections::HashMap;

use event_store::KeyRing;
use schemas::{Envelope, TicketId};
use serde::Serialize;
use sqlx::PgConnection;

use super::{
    column,
    embeddings::Embeddings,
    fact::Fact,
    fold::{Folded, fold},
    label_sets::LabelSets,
    last_changes,
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
        let mut label_sets = LabelSets::default();
        for mut folded in self.tickets.into_values().flatten() {
            folded.count(&mut self.changes);
            embeddings.note(&folded);
            label_sets.note(&folded.ticket);
            tickets.push(folded.ticket);
        }
        // Ids sort by creation, so new rows are written in the order of the indexes.
        tickets.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        save(connection, &tickets).await?;
        last_changes::follow(connection, &tickets).await?;
        label_sets.save(connection).await?;
        embeddings.save(connection).await?;
        self.changes.save(connection).await
    }
}

/// A column of all the tickets as JSON text.
fn json<T: Serialize>(
    tickets: &[Ticket],
    of: impl Fn(&Ticket) -> Option<&T>,
) -> serde_json::Result<Vec<Option<String>>> {
    tickets.iter().map(|ticket| of(ticket).map(serde_json::to_string).transpose()).collect()
}

/// Column by column: Postgres takes arrays in half the time of one JSON text. What never changes after the submission is
/// not updated.
async fn save(connection: &mut PgConnection, tickets: &[Ticket]) -> anyhow::Result<()> {
    let query = sqlx::query!(
        "insert into projector.tickets
             (id, number, requester_id, name, email, description, summary, entities, request_type, status, category,
              priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_system, crm_record_id,
              crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee,
              corrections, language, resolved_at, resolutions, reopenings, satisfaction)
         select id, number, requester_id, name, email, description, summary, entities::json, request_type, status,
                category, priority, sentiment, kind, route, urgency, analysis::json, needs_review, degraded, crm_system,
                crm_record_id, crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version,
                assignee, corrections::json, language, resolved_at, resolutions, reopenings, satisfaction
         from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                     $16::smallint[], $17::text[], $18::boolean[], $19::boolean[], $20::text[], $21::text[], $22::text[],
                     $23::timestamptz[], $24::timestamptz[], $25::timestamptz[], $26::timestamptz[], $27::bigint[],
                     $28::integer[], $29::text[], $30::text[], $31::text[], $32::timestamptz[], $33::integer[],
                     $34::integer[], $35::smallint[])
              new (id, number, requester_id, name, email, description, summary, entities, request_type, status, category,
                   priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_system, crm_record_id,
                   crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee,
                   corrections, language, resolved_at, resolutions, reopenings, satisfaction)
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
        column(tickets, |t| t.id.as_str()) as _,
        &column(tickets, |t| t.number),
        column(tickets, |t| t.requester_id.as_str()) as _,
        column(tickets, |t| t.name.as_deref()) as _,
        column(tickets, |t| t.email.as_deref()) as _,
        column(tickets, |t| t.description.as_deref()) as _,
        column(tickets, |t| t.summary.as_deref()) as _,
        json(tickets, |t| t.entities.as_ref())? as _,
        column(tickets, |t| t.request_type.as_str()) as _,
        column(tickets, |t| t.status.as_str()) as _,
        column(tickets, |t| t.category.as_deref()) as _,
        column(tickets, |t| t.priority.as_deref()) as _,
        column(tickets, |t| t.sentiment.as_deref()) as _,
        column(tickets, |t| t.kind.as_deref()) as _,
        column(tickets, |t| t.route.as_deref()) as _,
        column(tickets, |t| t.urgency) as _,
        json(tickets, |t| t.analysis.as_ref())? as _,
        &column(tickets, |t| t.needs_review),
        &column(tickets, |t| t.degraded),
        column(tickets, |t| t.crm_system.as_deref()) as _,
        column(tickets, |t| t.crm_record_id.as_deref()) as _,
        column(tickets, |t| t.crm_status.as_str()) as _,
        &column(tickets, |t| t.created_at),
        column(tickets, |t| t.analyzed_at) as _,
        column(tickets, |t| t.crm_delivered_at) as _,
        &column(tickets, |t| t.updated_at),
        &column(tickets, |t| t.position),
        &column(tickets, |t| t.version),
        column(tickets, |t| t.assignee.as_deref()) as _,
        json(tickets, |t| t.corrections.as_ref())? as _,
        column(tickets, |t| t.language.as_deref()) as _,
        column(tickets, |t| t.resolved_at) as _,
        &column(tickets, |t| t.resolutions),
        &column(tickets, |t| t.reopenings),
        column(tickets, |t| t.satisfaction) as _,
    );
    timed("upsert", "tickets", query.execute(connection)).await?;
    Ok(())
}
