//! Where the texts of analyzed tickets lie among each other.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::fold::{Folded, Place};
use crate::queries::timed;

/// Rows to write, by column, and tickets that have none any more.
#[derive(Default)]
pub(super) struct Embeddings {
    tickets: Vec<String>,
    numbers: Vec<i64>,
    created_at: Vec<DateTime<Utc>>,
    spaces: Vec<String>,
    scales: Vec<f32>,
    steps: Vec<Vec<u8>>,
    nowhere: Vec<String>,
}

impl Embeddings {
    /// Notes what became of a ticket's place.
    pub(super) fn note(&mut self, folded: &Folded) {
        let ticket = &folded.ticket;
        match &folded.embedding {
            Place::AsBefore => {}
            Place::Now(None) => self.nowhere.push(ticket.id.clone()),
            Place::Now(Some(embedding)) => {
                self.tickets.push(ticket.id.clone());
                self.numbers.push(ticket.number);
                self.created_at.push(ticket.created_at);
                self.spaces.push(embedding.space.clone());
                self.scales.push(embedding.scale);
                self.steps.push(bytes(&embedding.steps()));
            }
        }
    }

    pub(super) async fn save(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        if !self.nowhere.is_empty() {
            let query =
                sqlx::query!("delete from projector.embeddings where ticket_id = any($1)", &self.nowhere);
            timed("delete", "embeddings", query.execute(&mut *connection)).await?;
        }
        if self.tickets.is_empty() {
            return Ok(());
        }
        let query = sqlx::query!(
            "insert into projector.embeddings (ticket_id, number, created_at, space, scale, steps)
             select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::real[], $6::bytea[])
             on conflict (ticket_id) do update
             set space = excluded.space, scale = excluded.scale, steps = excluded.steps",
            &self.tickets,
            &self.numbers,
            &self.created_at,
            &self.spaces,
            &self.scales,
            &self.steps,
        );
        timed("upsert", "embeddings", query.execute(connection)).await?;
        Ok(())
    }
}

/// As the column holds them: one signed byte per dimension.
pub(crate) fn bytes(steps: &[i8]) -> Vec<u8> {
    steps.iter().map(|step| step.cast_unsigned()).collect()
}
