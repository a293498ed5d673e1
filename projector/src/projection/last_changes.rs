//! When tickets changed last, for lists in that order.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{queries::timed, read_model::Ticket};

/// Rows of tickets that are made anew, by column.
#[derive(Debug, Default)]
pub(crate) struct LastChanges {
    numbers: Vec<i64>,
    positions: Vec<i64>,
    created_at: Vec<DateTime<Utc>>,
    labels: [Vec<Option<String>>; 6],
    needs_review: Vec<bool>,
    assignees: Vec<Option<String>>,
}

impl LastChanges {
    /// Adds the row of `ticket`.
    pub(crate) fn note(&mut self, ticket: &Ticket) {
        self.numbers.push(ticket.number);
        self.positions.push(ticket.position);
        self.created_at.push(ticket.created_at);
        for (column, label) in self.labels.iter_mut().zip(ticket.label_set()) {
            column.push(label.map(str::to_owned));
        }
        self.needs_review.push(ticket.needs_review);
        self.assignees.push(ticket.assignee.clone());
    }

    /// Deletes what the table of `schema` holds of these tickets.
    pub(crate) async fn delete(
        &self,
        connection: &mut PgConnection,
        schema: &str,
    ) -> Result<(), sqlx::Error> {
        let statement = format!("delete from {schema}.last_changes where number = any($1)");
        sqlx::query(AssertSqlSafe(statement)).bind(&self.numbers).execute(connection).await.map(drop)
    }

    /// Adds the rows to the table of `schema`, which holds none of these tickets.
    pub(crate) async fn add(self, connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
        let statement = format!(
            "insert into {schema}.last_changes (number, position, created_at, label_set, needs_review, assignee)
             select number, position, created_at,
                    projector.label_set(status, request_type, category, priority, sentiment, route),
                    needs_review, assignee
             from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::text[], $10::boolean[], $11::text[])
                  new (number, position, created_at, status, request_type, category, priority, sentiment, route,
                       needs_review, assignee)"
        );
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(self.numbers).bind(self.positions);
        query = query.bind(self.created_at);
        for label in self.labels {
            query = query.bind(label);
        }
        query.bind(self.needs_review).bind(self.assignees).execute(connection).await.map(drop)
    }
}

/// Brings the live rows to where `tickets`, which are saved already, are.
pub(super) async fn follow(connection: &mut PgConnection, tickets: &[Ticket]) -> anyhow::Result<()> {
    let query = sqlx::query!(
        "insert into projector.last_changes (number, position, created_at, label_set, needs_review, assignee)
         select number, position, created_at, label_set, needs_review, assignee
         from projector.tickets where number = any($1)
         on conflict (number) do update
         set position = excluded.position, label_set = excluded.label_set, needs_review = excluded.needs_review,
             assignee = excluded.assignee",
        &super::column(tickets, |ticket| ticket.number),
    );
    timed("upsert", "last_changes", query.execute(connection)).await?;
    Ok(())
}
