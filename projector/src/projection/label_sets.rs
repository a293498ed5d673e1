//! Which labels occur together, for lists that filter by several of them.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::column;
use crate::{
    queries::timed,
    read_model::{LabelSet, Ticket},
};

/// Combinations of labels that tickets have.
#[derive(Debug, Default)]
pub(crate) struct LabelSets(BTreeSet<LabelSet<String>>);

impl LabelSets {
    /// Adds the combination of `ticket`.
    pub(crate) fn note(&mut self, ticket: &Ticket) {
        self.0.insert(ticket.label_set().map(|label| label.map(str::to_owned)));
    }

    /// Writes those that the read model does not know, always in the same order: writers who wait for one another must
    /// not do so in a circle.
    pub(crate) async fn save(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sets: Vec<_> = self.0.into_iter().collect();
        let [status, request_type, category, priority, sentiment, route] =
            std::array::from_fn(|label| column(&sets, |set| set[label].as_deref()));
        let query = sqlx::query!(
            "insert into projector.label_sets
                 (status, request_type, category, priority, sentiment, route)
             select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             on conflict do nothing",
            status as _,
            request_type as _,
            category as _,
            priority as _,
            sentiment as _,
            route as _,
        );
        timed("insert", "label_sets", query.execute(connection)).await?;
        Ok(())
    }
}
