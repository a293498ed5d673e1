//! What a ticket counts for: its cells of `projector.statistics`, without their times.

use schemas::work::{Decided, Decision};

use super::duration::bucket;
use crate::read_model::Ticket;

/// The names of the dimensions; `label` of each, and `other` where there is one.
pub mod dimension {
    /// Every ticket; the label is empty.
    pub const TICKETS: &str = "tickets";
    /// Where it stands.
    pub const STATUS: &str = "status";
    /// What people or the analyzer decided; tickets that are not analyzed have none of these six.
    pub const CATEGORY: &str = "category";
    /// As [`CATEGORY`].
    pub const PRIORITY: &str = "priority";
    /// As [`CATEGORY`].
    pub const SENTIMENT: &str = "sentiment";
    /// As [`CATEGORY`].
    pub const KIND: &str = "kind";
    /// As [`CATEGORY`].
    pub const ROUTE: &str = "route";
    /// As [`CATEGORY`]; 1 to 10.
    pub const URGENCY: &str = "urgency";
    /// The emotion behind the sentiment.
    pub const EMOTION: &str = "emotion";
    /// The language of the text.
    pub const LANGUAGE: &str = "language";
    /// What the requester picked on the form.
    pub const REQUEST_TYPE: &str = "request-type";
    /// What became of the CRM record.
    pub const CRM: &str = "crm";
    /// Who takes care of it; other: where it stands.
    pub const ASSIGNEE: &str = "assignee";
    /// With an analysis; the label is empty, as of all the following flags.
    pub const ANALYZED: &str = "analyzed";
    /// That a person should look at.
    pub const NEEDS_REVIEW: &str = "needs-review";
    /// Whose analysis was made by rules.
    pub const DEGRADED: &str = "degraded";
    /// Resolved at least once.
    pub const RESOLVED: &str = "resolved";
    /// Reopened at least once.
    pub const REOPENED: &str = "reopened";
    /// How content the requester is: 1 to 5.
    pub const SATISFACTION: &str = "satisfaction";
    /// What the requester picked; other: the category the analyzer decided for.
    pub const CONFUSION: &str = "confusion";
    /// What the analyzer decided for; other: what a person corrected it to. One dimension per decision, this and its
    /// name: `corrected-category`.
    pub const CORRECTED: &str = "corrected-";
    /// A product the text names.
    pub const PRODUCT: &str = "topic-product";
    /// An error code the text names.
    pub const ERROR_CODE: &str = "topic-error-code";
    /// From the submission to the first analysis; the label is a bucket of [`crate::statistics::duration`].
    pub const TIME_TO_ANALYSIS: &str = "time-to-analysis";
    /// From the submission to the CRM record; a bucket.
    pub const TIME_TO_CRM: &str = "time-to-crm";
    /// From the submission to the resolution that holds; a bucket.
    pub const TIME_TO_RESOLUTION: &str = "time-to-resolution";

    /// It was read off personal data: it goes when that goes, and history does not keep it.
    #[must_use]
    pub fn is_personal(dimension: &str) -> bool {
        [PRODUCT, ERROR_CODE].contains(&dimension)
    }
}

/// Longer names of products and codes are no topics.
const TOPIC_LENGTH: usize = 64;

/// One cell without its time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count {
    /// One of [`dimension`].
    pub dimension: &'static str,
    /// What of it.
    pub label: String,
    /// The second label of a two-dimensional one, else empty.
    pub other: String,
}

impl Count {
    fn new(dimension: &'static str, label: impl Into<String>) -> Self {
        Self { dimension, label: label.into(), other: String::new() }
    }

    /// Its dimension was read off personal data.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        dimension::is_personal(self.dimension)
    }

    fn flag(dimension: &'static str) -> Self {
        Self::new(dimension, "")
    }

    fn pair(dimension: &'static str, label: &str, other: &str) -> Self {
        Self { dimension, label: label.to_owned(), other: other.to_owned() }
    }
}

/// Everything a ticket counts for, each once.
#[must_use]
pub fn counts_of(ticket: &Ticket) -> Vec<Count> {
    let mut counts = vec![Count::flag(dimension::TICKETS)];
    counts.extend(labels(ticket));
    counts.extend(flags(ticket));
    counts.extend(waiting_times(ticket));
    counts.extend(comparisons(ticket));
    counts.extend(topics(ticket));
    counts
}

fn labels(ticket: &Ticket) -> impl Iterator<Item = Count> + use<'_> {
    let texts = [
        (dimension::STATUS, Some(ticket.status.as_str())),
        (dimension::REQUEST_TYPE, Some(&ticket.request_type)),
        (dimension::CRM, Some(&ticket.crm_status)),
        (dimension::CATEGORY, ticket.category.as_deref()),
        (dimension::PRIORITY, ticket.priority.as_deref()),
        (dimension::SENTIMENT, ticket.sentiment.as_deref()),
        (dimension::KIND, ticket.kind.as_deref()),
        (dimension::ROUTE, ticket.route.as_deref()),
        (dimension::LANGUAGE, ticket.language.as_deref()),
        (dimension::EMOTION, ticket.emotion()),
    ];
    let numbers = [(dimension::URGENCY, ticket.urgency), (dimension::SATISFACTION, ticket.satisfaction)];
    let texts = texts.into_iter().filter_map(|(dimension, label)| Some(Count::new(dimension, label?)));
    let numbers =
        numbers.into_iter().filter_map(|(dimension, label)| Some(Count::new(dimension, label?.to_string())));
    texts.chain(numbers)
}

fn flags(ticket: &Ticket) -> impl Iterator<Item = Count> {
    [
        (dimension::ANALYZED, ticket.analyzed_at.is_some()),
        (dimension::NEEDS_REVIEW, ticket.needs_review),
        (dimension::DEGRADED, ticket.degraded),
        (dimension::RESOLVED, ticket.resolutions > 0),
        (dimension::REOPENED, ticket.reopenings > 0),
    ]
    .into_iter()
    .filter(|(_, is)| *is)
    .map(|(dimension, _)| Count::flag(dimension))
}

fn waiting_times(ticket: &Ticket) -> impl Iterator<Item = Count> {
    let submitted = ticket.created_at;
    [
        (dimension::TIME_TO_ANALYSIS, ticket.analyzed_at),
        (dimension::TIME_TO_CRM, ticket.crm_delivered_at),
        (dimension::TIME_TO_RESOLUTION, ticket.resolved_at),
    ]
    .into_iter()
    .filter_map(move |(dimension, end)| Some(Count::new(dimension, bucket(submitted, end?).to_string())))
}

fn comparisons(ticket: &Ticket) -> Vec<Count> {
    let mut counts = vec![];
    if let Some(assignee) = &ticket.assignee {
        counts.push(Count::pair(dimension::ASSIGNEE, assignee, &ticket.status));
    }
    let Some(analysis) = &ticket.analysis else { return counts };
    counts.push(Count::pair(dimension::CONFUSION, &ticket.request_type, &analysis.category.label));
    for (decision, to) in ticket.corrections.iter().flat_map(|corrections| &corrections.decided) {
        counts.push(Count::pair(corrected(*decision), &text(&analysis.decided(*decision)), &text(to)));
    }
    counts
}

/// Of what a text names only products and error codes: they say what breaks, not whose.
fn topics(ticket: &Ticket) -> Vec<Count> {
    let mut topics: Vec<Count> = vec![];
    for entity in ticket.entities.iter().flat_map(|entities| entities.iter()) {
        let dimension = match entity.label.as_str() {
            "PRODUCT" => dimension::PRODUCT,
            "ERROR_CODE" => dimension::ERROR_CODE,
            _ => continue,
        };
        let topic = Count::new(dimension, entity.text.trim());
        if topic.label.len() <= TOPIC_LENGTH && !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

/// [`dimension::CORRECTED`] and the decision's name.
const fn corrected(decision: Decision) -> &'static str {
    match decision {
        Decision::Category => "corrected-category",
        Decision::Priority => "corrected-priority",
        Decision::Kind => "corrected-kind",
        Decision::Sentiment => "corrected-sentiment",
        Decision::Emotion => "corrected-emotion",
        Decision::Urgency => "corrected-urgency",
        Decision::Route => "corrected-route",
        Decision::Language => "corrected-language",
    }
}

fn text(decided: &Decided) -> String {
    match decided {
        Decided::Level(level) => level.to_string(),
        Decided::Label(label) => label.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dimensions_of_corrections_are_the_names_of_the_decisions() {
        for decision in Decision::ALL {
            assert_eq!(corrected(decision), format!("{}{decision}", dimension::CORRECTED));
        }
    }
}
