//! A ticket as the read model holds it: one row of `projector.tickets`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemas::{
    analysis::{AnalysisOf, Entity},
    work::{Decided, Decision},
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

/// The analyzer's answer without its personal parts, which have columns of their own.
pub type ImpersonalAnalysis = AnalysisOf<(), ()>;

/// A row, its fields named as the columns and explained there (`migrations/*_projector.sql`, `*_work_on_tickets.sql`). Holds personal data in
/// clear text, so it has no `Debug`.
#[derive(Clone, Serialize)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Ticket {
    pub id: String,
    pub number: i64,
    pub requester_id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub description: Option<String>,
    pub summary: Option<String>,
    pub entities: Option<Json<Vec<Entity>>>,
    pub request_type: String,
    pub status: String,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub sentiment: Option<String>,
    pub kind: Option<String>,
    pub route: Option<String>,
    pub urgency: Option<i16>,
    pub analysis: Option<Json<ImpersonalAnalysis>>,
    pub needs_review: bool,
    pub degraded: bool,
    pub crm_system: Option<String>,
    pub crm_record_id: Option<String>,
    pub crm_status: String,
    pub created_at: DateTime<Utc>,
    pub analyzed_at: Option<DateTime<Utc>>,
    pub crm_delivered_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub position: i64,
    pub version: i32,
    pub assignee: Option<String>,
    pub corrections: Option<Json<Corrections>>,
    pub language: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolutions: i32,
    pub reopenings: i32,
    pub satisfaction: Option<i16>,
}

/// What people corrected, which outlasts every analysis. Of personal data it says only that it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrections {
    /// `summary` holds a person's word, or did before the requester was erased.
    #[serde(default, skip_serializing_if = "is_not")]
    pub summary: bool,
    /// The same of `entities`.
    #[serde(default, skip_serializing_if = "is_not")]
    pub entities: bool,
    /// What was decided instead.
    #[serde(flatten)]
    pub decided: BTreeMap<Decision, Decided>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_not(corrected: &bool) -> bool {
    !*corrected
}

/// The labels that lists filter by, in the order of `projector.label_sets`' columns: status, requested type, category,
/// priority, sentiment, route.
pub(crate) type LabelSet<Label> = [Option<Label>; 6];

impl Ticket {
    /// The emotion behind the sentiment, as a person or the analyzer named it.
    #[must_use]
    pub fn emotion(&self) -> Option<&str> {
        let corrected = self.corrections.as_ref().and_then(|it| it.decided.get(&Decision::Emotion));
        match corrected {
            Some(Decided::Label(label)) => Some(label),
            _ => self.analysis.as_ref().map(|analysis| analysis.sentiment.emotion.name()),
        }
    }

    /// Which labels this ticket has together.
    pub(crate) fn label_set(&self) -> LabelSet<&str> {
        let Self { status, request_type, category, priority, sentiment, route, .. } = self;
        [
            Some(status),
            Some(request_type),
            category.as_deref(),
            priority.as_deref(),
            sentiment.as_deref(),
            route.as_deref(),
        ]
    }
}

/// Where a ticket stands, as the column holds it.
pub mod status {
    /// Somebody works on it, or should.
    pub const OPEN: &str = "open";
    /// Solved in the eyes of whoever solved it.
    pub const RESOLVED: &str = "resolved";
    /// Done with, solved or not.
    pub const CLOSED: &str = "closed";
}

/// What becomes of a ticket's CRM record, as the column holds it.
pub mod crm_status {
    /// Not delivered yet.
    pub const PENDING: &str = "pending";
    /// The CRM holds the record.
    pub const DELIVERED: &str = "delivered";
    /// The CRM would not take it; an operator decides.
    pub const PARKED: &str = "parked";
}

/// Selects whole tickets: every column once, followed by the rest of the statement (in one or more pieces) and its
/// arguments.
macro_rules! select_tickets {
    ($($rest:literal)+ $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::read_model::Ticket,
            r#"select id, number, requester_id, name, email, description, summary, entities as "entities: _",
                      request_type, status, category, priority, sentiment, kind, route, urgency,
                      analysis as "analysis: _", needs_review, degraded, crm_system, crm_record_id, crm_status,
                      created_at, analyzed_at, crm_delivered_at, updated_at, position, version, assignee,
                      corrections as "corrections: _", language, resolved_at, resolutions, reopenings, satisfaction
               from projector.tickets "# $(+ $rest)+
            $(, $argument)*
        )
    };
}
pub(crate) use select_tickets;

/// Every ticket in the order of creation: for small read models, as in tests.
///
/// # Errors
/// When the database cannot be asked.
pub async fn all(pool: &sqlx::PgPool) -> Result<Vec<Ticket>, sqlx::Error> {
    select_tickets!("order by number").fetch_all(pool).await
}
