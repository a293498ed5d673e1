//! `GET /api/analytics/…`: what dashboards draw, from kept counters.
//!
//! - [`course`]: a dimension over time
//! - [`figures`]: waiting times, topics, confusion and sessions of a period
//! - [`export`]: the counters themselves, as CSV or lines of JSON

pub mod course;
pub mod export;
pub mod figures;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::statistics::count::dimension;

/// What tickets are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names of statistics::count::dimension")]
pub enum Dimension {
    #[default]
    Tickets,
    Status,
    Category,
    Priority,
    Sentiment,
    Emotion,
    Kind,
    Route,
    Urgency,
    RequestType,
    Language,
    Crm,
    Satisfaction,
    Assignee,
    Analyzed,
    NeedsReview,
    Degraded,
    Resolved,
    Reopened,
    Product,
    ErrorCode,
}

impl Dimension {
    /// As the counters name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tickets => dimension::TICKETS,
            Self::Status => dimension::STATUS,
            Self::Category => dimension::CATEGORY,
            Self::Priority => dimension::PRIORITY,
            Self::Sentiment => dimension::SENTIMENT,
            Self::Emotion => dimension::EMOTION,
            Self::Kind => dimension::KIND,
            Self::Route => dimension::ROUTE,
            Self::Urgency => dimension::URGENCY,
            Self::RequestType => dimension::REQUEST_TYPE,
            Self::Language => dimension::LANGUAGE,
            Self::Crm => dimension::CRM,
            Self::Satisfaction => dimension::SATISFACTION,
            Self::Assignee => dimension::ASSIGNEE,
            Self::Analyzed => dimension::ANALYZED,
            Self::NeedsReview => dimension::NEEDS_REVIEW,
            Self::Degraded => dimension::DEGRADED,
            Self::Resolved => dimension::RESOLVED,
            Self::Reopened => dimension::REOPENED,
            Self::Product => dimension::PRODUCT,
            Self::ErrorCode => dimension::ERROR_CODE,
        }
    }
}
