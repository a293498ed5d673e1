//! Streams become rows: each ticket is folded from its first event to its last and written once.

use std::collections::HashMap;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use event_store::PersonalKeys;
use schemas::{Envelope, Position};
use service_host::clock;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::runtime::Handle;

use super::{copy::Rows, place::PARTS};
use crate::{
    projection::{
        contract::{Contract, LAST_CHANGES, REQUESTERS, SEARCH, SIMILAR, STATISTICS, TICKETS, TIMELINE},
        embeddings::bytes,
        fact::{self, Fact, place},
        fold::{Folded, Place, fold_stream},
        label_sets::LabelSets,
        last_changes::LastChanges,
        search::content,
        timeline::Entry,
    },
    read_model::Ticket,
    statistics::{Changes, requester::RequesterChange},
};

const TICKET_COLUMNS: &str = "id, number, requester_id, name, email, description, summary, entities, request_type, \
     status, category, priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_system, \
     crm_record_id, crm_status, created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee, \
     corrections, language, resolved_at, resolutions, reopenings, satisfaction";
const TIMELINE_COLUMNS: &str = "ticket_id, version, position, event_id, type, recorded_at, projected_at, actor, \
     traceparent, details, sealed";
const EMBEDDINGS_COLUMNS: &str = "ticket_id, number, created_at, space, scale, steps";
const STATISTICS_COLUMNS: &str = "grain, at, dimension, label, other, count";
const REQUESTERS_COLUMNS: &str = "requester_id, tickets, open_tickets, negative_tickets, reopened_tickets, \
     first_ticket_at, last_ticket_at, last_number";

/// When events were first projected, by position: the one thing in a read model that is no function of the log, so it is
/// taken over.
pub(super) type FirstProjected = HashMap<i64, DateTime<Utc>>;

/// The rows of some tickets, ready to be copied.
#[derive(Debug, Default)]
pub(super) struct Built {
    tickets: Rows,
    pub(super) last_changes: LastChanges,
    timeline: Rows,
    embeddings: Rows,
    statistics: Rows,
    requesters: Rows,
    search: Texts,
    label_sets: LabelSets,
}

/// What Postgres takes apart itself, by column.
#[derive(Debug, Default)]
struct Texts {
    numbers: Vec<i64>,
    tickets: Vec<String>,
    languages: Vec<Option<String>>,
    contents: Vec<String>,
}

/// Whole streams, one after another.
pub(super) struct Streams {
    pub(super) events: Vec<Envelope>,
    /// Events up to here are in the counters already.
    pub(super) counted: Position,
    pub(super) first_projected: FirstProjected,
}

impl Streams {
    /// Folds them on a thread that may take its time.
    pub(super) async fn fold(self, keys: &PersonalKeys) -> anyhow::Result<Built> {
        let (keys, runtime) = (keys.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let facts = fact::read(&self.events)?;
            let ring = runtime.block_on(fact::ring(&keys, &facts))?;
            let mut built = Built::default();
            let mut changes = Changes::default();
            for stream in facts.chunk_by(|one, next| one.event.subject == next.event.subject) {
                let ticket = fold_stream(stream, &ring, self.counted, &mut changes);
                if let Some(folded) = ticket {
                    built.ticket(&folded.ticket)?;
                    built.embedding(&folded)?;
                    built.words(folded.ticket);
                }
                built.entries(stream, &self.first_projected)?;
            }
            built.counters(&changes)?;
            Ok(built)
        })
        .await?
    }
}

impl Built {
    /// Copies the rows of `projections` into the tables of `schema`; counters into those that are to be added up.
    pub(super) async fn copy(
        self,
        connection: &mut PgConnection,
        schema: &str,
        projections: &[&'static Contract],
    ) -> anyhow::Result<()> {
        let parts = |table: &Contract| format!("{}{PARTS}", table.table);
        for (contract, table, columns, rows) in [
            (&TICKETS, TICKETS.table.to_owned(), TICKET_COLUMNS, self.tickets),
            (&TIMELINE, TIMELINE.table.to_owned(), TIMELINE_COLUMNS, self.timeline),
            (&SIMILAR, SIMILAR.table.to_owned(), EMBEDDINGS_COLUMNS, self.embeddings),
            (&STATISTICS, parts(&STATISTICS), STATISTICS_COLUMNS, self.statistics),
            (&REQUESTERS, parts(&REQUESTERS), REQUESTERS_COLUMNS, self.requesters),
        ] {
            if projections.contains(&contract) {
                rows.copy(connection, &format!("{schema}.{table}"), columns).await?;
            }
        }
        // There is one list of them, the live one: what is only compared leaves it as it is.
        if projections.contains(&&TICKETS) && schema != super::place::Place::Shadow.schema() {
            self.label_sets.save(connection).await.context("noting combinations of labels")?;
        }
        if projections.contains(&&LAST_CHANGES) {
            self.last_changes.add(connection, schema).await.context("adding last changes")?;
        }
        if projections.contains(&&SEARCH) {
            self.search.add(connection, schema).await.context("adding to search")?;
        }
        Ok(())
    }

    fn ticket(&mut self, t: &Ticket) -> anyhow::Result<()> {
        self.label_sets.note(t);
        self.last_changes.note(t);
        let rows = &mut self.tickets;
        rows.field(&t.id).field(t.number).field(&t.requester_id).field(&t.name).field(&t.email);
        rows.field(&t.description).field(&t.summary).json(t.entities.as_ref());
        rows.field(&t.request_type).field(&t.status).field(&t.category).field(&t.priority);
        rows.field(&t.sentiment).field(&t.kind).field(&t.route).field(t.urgency).json(t.analysis.as_ref());
        rows.field(t.needs_review).field(t.degraded);
        rows.field(&t.crm_system).field(&t.crm_record_id).field(&t.crm_status);
        rows.field(t.created_at).field(t.analyzed_at).field(t.crm_delivered_at).field(t.updated_at);
        rows.field(t.position)
            .field(t.version)
            .field(&t.assignee)
            .json(t.corrections.as_ref())
            .field(&t.language);
        rows.field(t.resolved_at).field(t.resolutions).field(t.reopenings).field(t.satisfaction);
        rows.end()
    }

    fn embedding(&mut self, folded: &Folded) -> anyhow::Result<()> {
        let Place::Now(Some(embedding)) = &folded.embedding else { return Ok(()) };
        let (ticket, rows) = (&folded.ticket, &mut self.embeddings);
        rows.field(&ticket.id).field(ticket.number).field(ticket.created_at).field(&embedding.space);
        rows.field(embedding.scale).field(bytes(&embedding.steps()));
        rows.end()
    }

    fn words(&mut self, ticket: Ticket) {
        let content = content(ticket.name.as_deref(), ticket.email.as_deref(), ticket.description.as_deref());
        if let Some(content) = content {
            self.search.numbers.push(ticket.number);
            self.search.tickets.push(ticket.id);
            self.search.languages.push(ticket.language);
            self.search.contents.push(content);
        }
    }

    fn entries(&mut self, stream: &[Fact<'_>], first_projected: &FirstProjected) -> anyhow::Result<()> {
        let now = clock::now();
        for fact in stream {
            let entry = Entry::new(fact.event, fact.says.as_ref()).with_context(|| place(fact.event))?;
            let projected_at = first_projected.get(&entry.position).copied().unwrap_or(now);
            let rows = &mut self.timeline;
            rows.field(&entry.ticket_id).field(entry.version).field(entry.position).field(entry.event_id);
            rows.field(&entry.r#type).field(entry.recorded_at).field(projected_at).field(&entry.actor);
            rows.field(&entry.traceparent).json(entry.details.as_ref()).json(entry.sealed.as_ref());
            rows.end()?;
        }
        Ok(())
    }

    fn counters(&mut self, changes: &Changes) -> anyhow::Result<()> {
        for cell in changes.cells() {
            let rows = &mut self.statistics;
            rows.field(cell.grain).field(cell.at).field(cell.count.dimension).field(&cell.count.label);
            rows.field(&cell.count.other).field(cell.change).end()?;
        }
        for (id, RequesterChange { share, first_ticket_at, last_ticket_at, last_number }) in
            changes.requesters()
        {
            let rows = &mut self.requesters;
            rows.field(id).field(share.tickets).field(share.open).field(share.negative).field(share.reopened);
            rows.field(first_ticket_at).field(last_ticket_at).field(last_number).end()?;
        }
        Ok(())
    }
}

impl Texts {
    async fn add(self, connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
        let statement = format!(
            "insert into {schema}.search (number, ticket_id, stems_of, words)
             select number, ticket_id, language, projector.with_stems(language, to_tsvector('simple', content))
             from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) new (number, ticket_id, language, content)"
        );
        let query = sqlx::query(AssertSqlSafe(statement)).bind(self.numbers).bind(self.tickets);
        query.bind(self.languages).bind(self.contents).execute(connection).await.map(drop)
    }
}
