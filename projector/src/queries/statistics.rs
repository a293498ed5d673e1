//! Counts and waiting times over all tickets. Each statement reads every ticket once.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::PgPool;

use super::{QueryError, timed};

/// How many tickets, and how long they waited.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// All tickets.
    pub total: i64,
    /// With an analysis.
    pub analyzed: i64,
    /// That a person should look at.
    pub needs_review: i64,
    /// By what became of their CRM record.
    pub crm: CrmTotals,
    /// From the submission to the first analysis.
    pub time_to_analysis_ms: Waiting,
    /// From the submission to the CRM record.
    pub time_to_crm_ms: Waiting,
}

/// Tickets by what became of their CRM record.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names of read_model::crm_status")]
pub struct CrmTotals {
    pub delivered: i64,
    pub pending: i64,
    pub parked: i64,
}

/// How long tickets waited, in milliseconds; null while none has come so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Waiting {
    /// Half of the tickets waited no longer.
    pub median: Option<f64>,
    /// 95 of 100 tickets waited no longer.
    pub p95: Option<f64>,
}

/// Tickets per label.
pub type Counts = BTreeMap<String, i64>;

/// Tickets per label of each dimension; tickets without a label are in none.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the dimensions")]
pub struct Breakdown {
    pub by_status: Counts,
    pub by_category: Counts,
    pub by_priority: Counts,
    pub by_sentiment: Counts,
    /// By the day of the submission, UTC.
    pub by_day: Counts,
}

/// Counts and waiting times.
///
/// # Errors
/// As [`QueryError`].
pub async fn totals(pool: &PgPool) -> Result<Totals, QueryError> {
    let query = sqlx::query!(
        r#"select count(*) as "total!", count(analyzed_at) as "analyzed!",
                  count(*) filter (where needs_review) as "needs_review!",
                  count(*) filter (where crm_status = 'delivered') as "delivered!",
                  count(*) filter (where crm_status = 'pending') as "pending!",
                  count(*) filter (where crm_status = 'parked') as "parked!",
                  percentile_cont(array[0.5, 0.95]) within group
                      (order by extract(epoch from analyzed_at - created_at)::float8 * 1000) as analysis_ms,
                  percentile_cont(array[0.5, 0.95]) within group
                      (order by extract(epoch from crm_delivered_at - created_at)::float8 * 1000) as crm_ms
           from projector.tickets"#
    );
    let row = timed("aggregate", "tickets", query.fetch_one(pool)).await?;
    Ok(Totals {
        total: row.total,
        analyzed: row.analyzed,
        needs_review: row.needs_review,
        crm: CrmTotals { delivered: row.delivered, pending: row.pending, parked: row.parked },
        time_to_analysis_ms: Waiting::of(row.analysis_ms),
        time_to_crm_ms: Waiting::of(row.crm_ms),
    })
}

impl Waiting {
    /// Of the answer of `percentile_cont`, which is null over no rows.
    fn of(percentiles: Option<Vec<f64>>) -> Self {
        let percentiles = percentiles.unwrap_or_default();
        Self { median: percentiles.first().copied(), p95: percentiles.get(1).copied() }
    }
}

/// Counts per label.
///
/// # Errors
/// As [`QueryError`].
pub async fn breakdown(pool: &PgPool) -> Result<Breakdown, QueryError> {
    let query = sqlx::query!(
        r#"select label.dimension as "dimension!", label.name as "name!", count(*) as "count!"
           from projector.tickets, lateral (values
               ('status', status), ('category', category), ('priority', priority), ('sentiment', sentiment),
               ('day', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD'))) label (dimension, name)
           where label.name is not null
           group by label.dimension, label.name"#
    );
    let mut breakdown = Breakdown::default();
    for row in timed("aggregate", "tickets", query.fetch_all(pool)).await? {
        let counts = match row.dimension.as_str() {
            "status" => &mut breakdown.by_status,
            "category" => &mut breakdown.by_category,
            "priority" => &mut breakdown.by_priority,
            "sentiment" => &mut breakdown.by_sentiment,
            _ => &mut breakdown.by_day,
        };
        counts.insert(row.name, row.count);
    }
    Ok(breakdown)
}
