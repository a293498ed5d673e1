//! Figures over many tickets, put together from counters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::counters::Counter;
use crate::statistics::{
    count::dimension,
    duration::{milliseconds, percentile},
};

/// How many tickets, how long they waited, and what they are about.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All tickets.
    pub total: i64,
    /// With an analysis.
    pub analyzed: i64,
    /// That a person should look at.
    pub needs_review: i64,
    /// Analyzed by rules, because the model could not run.
    pub degraded: i64,
    /// Resolved at least once.
    pub resolved: i64,
    /// Reopened at least once.
    pub reopened: i64,
    /// Resolved tickets out of all; null without tickets.
    pub resolution_rate: Option<f64>,
    /// Reopened tickets out of the resolved ones; null without any.
    pub reopen_rate: Option<f64>,
    /// By what became of their CRM record.
    pub crm: CrmTotals,
    /// How content requesters were with the resolution.
    pub satisfaction: Satisfaction,
    /// From the submission to the first analysis.
    pub time_to_analysis_ms: Waiting,
    /// From the submission to the CRM record.
    pub time_to_crm_ms: Waiting,
    /// From the submission to the resolution that holds.
    pub time_to_resolution_ms: Waiting,
    /// Tickets per label; tickets without a label are in none.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// What most tickets name.
    pub top_topics: Vec<Topic>,
}

/// Tickets by what became of their CRM record.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the names of read_model::crm_status")]
pub struct CrmTotals {
    pub delivered: i64,
    pub pending: i64,
    pub parked: i64,
}

/// How content requesters were, 1 to 5.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Satisfaction {
    /// How many said so.
    pub answers: i64,
    /// Null while nobody did.
    pub average: Option<f64>,
}

/// How long tickets waited, in milliseconds, at most 5 % off; null while none has come so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Waiting {
    /// Tickets that have come so far.
    pub tickets: i64,
    /// On average.
    pub mean: Option<f64>,
    /// Half of the tickets waited no longer.
    pub median: Option<f64>,
    /// 90 of 100 tickets waited no longer.
    pub p90: Option<f64>,
    /// 95 of 100 tickets waited no longer.
    pub p95: Option<f64>,
    /// 99 of 100 tickets waited no longer.
    pub p99: Option<f64>,
}

/// Tickets per label.
pub type Counts = BTreeMap<String, i64>;

/// Tickets per label of each dimension.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the dimensions")]
pub struct Breakdown {
    pub by_status: Counts,
    pub by_category: Counts,
    pub by_priority: Counts,
    pub by_sentiment: Counts,
    pub by_emotion: Counts,
    pub by_kind: Counts,
    pub by_route: Counts,
    pub by_urgency: Counts,
    pub by_request_type: Counts,
    pub by_language: Counts,
    pub by_assignee: Counts,
}

/// Something that tickets name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// `product` or `error-code`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// How many tickets name it.
    pub tickets: i64,
}

/// Every dimension that a summary is made of.
pub const DIMENSIONS: [&str; 24] = [
    dimension::TICKETS,
    dimension::ANALYZED,
    dimension::NEEDS_REVIEW,
    dimension::DEGRADED,
    dimension::RESOLVED,
    dimension::REOPENED,
    dimension::CRM,
    dimension::SATISFACTION,
    dimension::TIME_TO_ANALYSIS,
    dimension::TIME_TO_CRM,
    dimension::TIME_TO_RESOLUTION,
    dimension::STATUS,
    dimension::CATEGORY,
    dimension::PRIORITY,
    dimension::SENTIMENT,
    dimension::EMOTION,
    dimension::KIND,
    dimension::ROUTE,
    dimension::URGENCY,
    dimension::REQUEST_TYPE,
    dimension::LANGUAGE,
    dimension::ASSIGNEE,
    dimension::PRODUCT,
    dimension::ERROR_CODE,
];
/// Topics of a summary.
const TOPICS: usize = 10;

/// Counters by dimension.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<String, Vec<Counter>>);

impl Figures {
    /// Of these counters.
    #[must_use]
    pub fn of(counters: Vec<Counter>) -> Self {
        let mut figures: BTreeMap<String, Vec<Counter>> = BTreeMap::new();
        for counter in counters {
            figures.entry(counter.dimension.clone()).or_default().push(counter);
        }
        Self(figures)
    }

    /// The counters of a dimension.
    pub fn counters(&self, dimension: &str) -> impl Iterator<Item = &Counter> {
        self.0.get(dimension).into_iter().flatten()
    }

    /// Tickets per label.
    #[must_use]
    pub fn counts(&self, dimension: &str) -> Counts {
        let mut counts = Counts::new();
        for counter in self.counters(dimension) {
            *counts.entry(counter.label.clone()).or_default() += counter.count;
        }
        counts
    }

    /// All tickets of a dimension, whatever their label.
    #[must_use]
    pub fn total(&self, dimension: &str) -> i64 {
        self.counters(dimension).map(|counter| counter.count).sum()
    }

    /// A waiting time.
    #[must_use]
    pub fn waiting(&self, dimension: &str) -> Waiting {
        let bucket = |counter: &Counter| Some((counter.label.parse::<i32>().ok()?, counter.count));
        let buckets: Vec<_> = self.counters(dimension).filter_map(bucket).collect();
        let tickets: i64 = buckets.iter().map(|(_, tickets)| tickets).sum();
        let sum: f64 = buckets.iter().map(|(bucket, tickets)| milliseconds(*bucket) * *tickets as f64).sum();
        Waiting {
            tickets,
            mean: share(sum, tickets),
            median: percentile(&buckets, 0.5),
            p90: percentile(&buckets, 0.9),
            p95: percentile(&buckets, 0.95),
            p99: percentile(&buckets, 0.99),
        }
    }

    /// What most tickets name, up to `limit` things.
    #[must_use]
    pub fn topics(&self, limit: usize) -> Vec<Topic> {
        let kinds = [("product", dimension::PRODUCT), ("error-code", dimension::ERROR_CODE)];
        let topic =
            |kind, counter: &Counter| Topic { kind, name: counter.label.clone(), tickets: counter.count };
        let mut topics: Vec<_> = kinds
            .into_iter()
            .flat_map(|(kind, dimension)| self.counters(dimension).map(move |counter| topic(kind, counter)))
            .collect();
        topics.sort_by(|a, b| b.tickets.cmp(&a.tickets).then_with(|| a.name.cmp(&b.name)));
        topics.truncate(limit);
        topics
    }

    /// How content requesters were.
    #[must_use]
    pub fn satisfaction(&self) -> Satisfaction {
        let scores: Vec<(i64, i64)> = self
            .counters(dimension::SATISFACTION)
            .filter_map(|counter| Some((counter.label.parse().ok()?, counter.count)))
            .collect();
        let answers = scores.iter().map(|(_, answers)| answers).sum();
        let sum: i64 = scores.iter().map(|(score, answers)| score * answers).sum();
        Satisfaction { answers, average: share(sum as f64, answers) }
    }

    /// All of it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let crm = self.counts(dimension::CRM);
        let crm = |status: &str| crm.get(status).copied().unwrap_or_default();
        let (total, resolved, reopened) = (
            self.total(dimension::TICKETS),
            self.total(dimension::RESOLVED),
            self.total(dimension::REOPENED),
        );
        Summary {
            total,
            analyzed: self.total(dimension::ANALYZED),
            needs_review: self.total(dimension::NEEDS_REVIEW),
            degraded: self.total(dimension::DEGRADED),
            resolved,
            reopened,
            resolution_rate: share(resolved as f64, total),
            reopen_rate: share(reopened as f64, resolved),
            crm: CrmTotals { delivered: crm("delivered"), pending: crm("pending"), parked: crm("parked") },
            satisfaction: self.satisfaction(),
            time_to_analysis_ms: self.waiting(dimension::TIME_TO_ANALYSIS),
            time_to_crm_ms: self.waiting(dimension::TIME_TO_CRM),
            time_to_resolution_ms: self.waiting(dimension::TIME_TO_RESOLUTION),
            breakdown: self.breakdown(),
            top_topics: self.topics(TOPICS),
        }
    }

    fn breakdown(&self) -> Breakdown {
        Breakdown {
            by_status: self.counts(dimension::STATUS),
            by_category: self.counts(dimension::CATEGORY),
            by_priority: self.counts(dimension::PRIORITY),
            by_sentiment: self.counts(dimension::SENTIMENT),
            by_emotion: self.counts(dimension::EMOTION),
            by_kind: self.counts(dimension::KIND),
            by_route: self.counts(dimension::ROUTE),
            by_urgency: self.counts(dimension::URGENCY),
            by_request_type: self.counts(dimension::REQUEST_TYPE),
            by_language: self.counts(dimension::LANGUAGE),
            by_assignee: self.counts(dimension::ASSIGNEE),
        }
    }
}

/// `part` out of `whole`, where there is one.
#[must_use]
pub fn share(part: f64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part / whole as f64)
}
