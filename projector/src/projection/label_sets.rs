//! Which labels occur together, for lists that filter by several of them.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::column;
use crate::{queries::timed, read_model::Ticket};

/// Combinations of labels that tickets have.
#[derive(Debug, Default)]
pub(crate) struct LabelSets(BTreeSet<LabelSet>);

/// The labels of a ticket that lists filter by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LabelSet {
    status: String,
    request_type: String,
    category: Option<String>,
    priority: Option<String>,
    sentiment: Option<String>,
    route: Option<String>,
}

impl LabelSets {
    /// Adds the combination of `ticket`.
    pub(crate) fn note(&mut self, ticket: &Ticket) {
        self.0.insert(LabelSet {
            status: ticket.status.clone(),
            request_type: ticket.request_type.clone(),
            category: ticket.category.clone(),
            priority: ticket.priority.clone(),
            sentiment: ticket.sentiment.clone(),
            route: ticket.route.clone(),
        });
    }

    /// Writes those that the read model does not know, always in the same order: writers who wait for one another must
    /// not do so in a circle.
    pub(crate) async fn save(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let sets: Vec<_> = self.0.into_iter().collect();
        let query = sqlx::query!(
            "insert into projector.label_sets
                 (status, request_type, category, priority, sentiment, route)
             select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             on conflict do nothing",
            column(&sets, |set| set.status.as_str()) as _,
            column(&sets, |set| set.request_type.as_str()) as _,
            column(&sets, |set| set.category.as_deref()) as _,
            column(&sets, |set| set.priority.as_deref()) as _,
            column(&sets, |set| set.sentiment.as_deref()) as _,
            column(&sets, |set| set.route.as_deref()) as _,
        );
        timed("insert", "label_sets", query.execute(connection)).await?;
        Ok(())
    }
}
