//! A ticket as clients see it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use schemas::analysis::{AnalysisOf, Entity};
use serde::Serialize;

use crate::read_model::Ticket;

/// The JSON of a ticket. `name`, `email` and `description` are null once the requester was erased; the members of the
/// analysis are null, and `entities` is empty, until there is one.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Ticket")]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct TicketBody {
    pub id: String,
    pub number: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub request_type: String,
    pub description: Option<String>,
    pub status: String,
    pub assignee: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub sentiment: Option<String>,
    pub kind: Option<String>,
    pub route: Option<String>,
    pub urgency: Option<i16>,
    pub emotion: Option<String>,
    pub language: Option<String>,
    pub summary: Option<String>,
    pub entities: Vec<Entity>,
    pub needs_review: bool,
    pub degraded: bool,
    /// People corrected the analysis: labels of this ticket differ from the ones in `analysis`, which are the analyzer's
    /// own. Summary and entities are everywhere those that hold.
    pub corrected: bool,
    pub analysis: Option<AnalysisOf<Vec<Entity>, Option<String>>>,
    pub crm: Crm,
    pub created_at: DateTime<Utc>,
    pub analyzed_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub position: i64,
    pub version: i32,
}

/// What became of the ticket's CRM record.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Crm {
    pub system: Option<String>,
    pub record_id: Option<String>,
    pub status: String,
}

impl From<Ticket> for TicketBody {
    fn from(ticket: Ticket) -> Self {
        let emotion = ticket.emotion().map(str::to_owned);
        let entities = ticket.entities.map_or_else(Vec::new, |entities| entities.0);
        let analysis = ticket
            .analysis
            .map(|analysis| analysis.0.with_personal(entities.clone(), ticket.summary.clone()));
        Self {
            id: ticket.id,
            number: ticket.number,
            name: ticket.name,
            email: ticket.email,
            request_type: ticket.request_type,
            description: ticket.description,
            status: ticket.status,
            assignee: ticket.assignee,
            category: ticket.category,
            priority: ticket.priority,
            sentiment: ticket.sentiment,
            kind: ticket.kind,
            route: ticket.route,
            urgency: ticket.urgency,
            emotion,
            language: ticket.language,
            summary: ticket.summary,
            entities,
            needs_review: ticket.needs_review,
            degraded: ticket.degraded,
            corrected: ticket.corrections.is_some(),
            analysis,
            crm: Crm {
                system: ticket.crm_system,
                record_id: ticket.crm_record_id,
                status: ticket.crm_status,
            },
            created_at: ticket.created_at,
            analyzed_at: ticket.analyzed_at,
            updated_at: ticket.updated_at,
            position: ticket.position,
            version: ticket.version,
        }
    }
}
