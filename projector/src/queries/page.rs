//! One page of tickets, by keyset: a page begins after the number the last one ended with, so it costs the same however
//! deep it lies, and tickets that arrive meanwhile neither repeat nor hide others.

use chrono::{DateTime, Utc};
use schemas::analysis::{Priority, Sentiment};
use serde::Deserialize;
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::read_model::{Ticket, select_tickets};

/// Which tickets to list; a filter that is not set lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where it stands: `open`, `resolved` or `closed`.
    pub status: Option<String>,
    /// A label of the analysis.
    pub category: Option<String>,
    /// A label of the analysis.
    pub priority: Option<Priority>,
    /// A label of the analysis.
    pub sentiment: Option<Sentiment>,
    /// What the requester picked.
    pub request_type: Option<String>,
    /// The support channel to use.
    pub route: Option<String>,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// Created at or after.
    pub from: Option<DateTime<Utc>>,
    /// Created before.
    pub to: Option<DateTime<Utc>>,
    /// Whether a person should look.
    pub needs_review: Option<bool>,
}

/// By creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The newest ticket first.
    #[default]
    Newest,
    /// The oldest ticket first.
    Oldest,
}

/// Which part of the list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// In which order.
    pub sort: Sort,
    /// The number the page before ended with.
    pub after: Option<i64>,
    /// Tickets at most.
    pub limit: i64,
}

/// Up to `window.limit` tickets that pass `filter`.
///
/// # Errors
/// As [`QueryError`].
pub async fn page(pool: &PgPool, filter: &Filter, window: Window) -> Result<Vec<Ticket>, QueryError> {
    // The two statements differ in the direction only, which is no parameter in SQL.
    macro_rules! select {
        ($beyond:literal, $start:expr, $direction:literal) => {
            select_tickets!(
                "where ($2::text is null or status = $2)
                   and ($3::text is null or category = $3)
                   and ($4::text is null or priority = $4)
                   and ($5::text is null or sentiment = $5)
                   and ($6::text is null or request_type = $6)
                   and ($7::text is null or route = $7)
                   and ($8::timestamptz is null or created_at >= $8)
                   and ($9::timestamptz is null or created_at < $9)
                   and ($10::boolean is null or needs_review = $10)
                   and ($11::text is null or assignee = $11)
                   and number " $beyond " $1 order by number " $direction " limit $12",
                window.after.unwrap_or($start),
                filter.status.as_deref(),
                filter.category.as_deref(),
                filter.priority.map(Priority::name),
                filter.sentiment.map(Sentiment::name),
                filter.request_type.as_deref(),
                filter.route.as_deref(),
                filter.from,
                filter.to,
                filter.needs_review,
                filter.assignee.as_deref(),
                window.limit,
            )
            .fetch_all(pool)
        };
    }
    match window.sort {
        Sort::Newest => timed("select", "tickets", select!("<", i64::MAX, "desc")).await,
        Sort::Oldest => timed("select", "tickets", select!(">", 0, "asc")).await,
    }
}
