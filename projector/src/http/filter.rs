//! The filters of every list of tickets, declared once: serde cannot flatten them into parameters that refuse unknown
//! names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::read_model::status;

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names of read_model::status")]
pub enum Status {
    Open,
    Resolved,
    Closed,
}

impl Status {
    /// As the column holds it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => status::OPEN,
            Self::Resolved => status::RESOLVED,
            Self::Closed => status::CLOSED,
        }
    }
}

/// Declares query parameters: the filters, how fresh the answer shall be, and what else the route takes.
macro_rules! filtered_params {
    ($(#[$meta:meta])* pub struct $name:ident { $($rest:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Where it stands.
            status: Option<$crate::http::filter::Status>,
            /// A label of the analysis, or of its correction.
            category: Option<$crate::http::parameter::Label>,
            /// A label of the analysis, or of its correction.
            priority: Option<schemas::analysis::Priority>,
            /// A label of the analysis, or of its correction.
            sentiment: Option<schemas::analysis::Sentiment>,
            /// What the requester picked on the form.
            request_type: Option<$crate::http::parameter::Label>,
            /// The support channel to use.
            route: Option<$crate::http::parameter::Label>,
            /// Who takes care of it.
            assignee: Option<$crate::http::parameter::Label>,
            /// Created at or after this time.
            from: Option<$crate::http::parameter::Moment>,
            /// Created before this time.
            to: Option<$crate::http::parameter::Moment>,
            /// Whether a person should look at it.
            needs_review: Option<bool>,
            /// Full text: words in any of their forms, `"a phrase"`, `begin*`, `-` before a term to leave out what holds it.
            q: Option<$crate::http::question::Question>,
            /// Wait until the answer holds everything up to this position of the log.
            min_position: Option<$crate::http::freshness::MinPosition>,
            $($rest)*
        }

        impl $name {
            /// Waits until the read model is where it is wanted; words have a stage of their own.
            async fn reached(&self, state: &$crate::http::AppState) -> Result<(), service_host::Problem> {
                let tickets_and_words = [&state.progress, &state.search];
                let stages = if self.q.is_some() { &tickets_and_words[..] } else { &tickets_and_words[..1] };
                $crate::http::freshness::wait_for(state, stages, self.min_position).await
            }

            /// The filters.
            fn filter(&self) -> Result<$crate::queries::page::Filter, service_host::Problem> {
                let label = |label: &Option<$crate::http::parameter::Label>| label.as_ref().map(|label| label.0.clone());
                $crate::http::parameter::check_span(self.from, self.to)?;
                Ok($crate::queries::page::Filter {
                    status: self.status.map($crate::http::filter::Status::name),
                    category: label(&self.category),
                    priority: self.priority,
                    sentiment: self.sentiment,
                    request_type: label(&self.request_type),
                    route: label(&self.route),
                    assignee: label(&self.assignee),
                    from: self.from.map(|from| from.0),
                    to: self.to.map(|to| to.0),
                    needs_review: self.needs_review,
                    text: self.q.as_ref().map(|question| question.0.clone()),
                })
            }
        }
    };
}
pub(crate) use filtered_params;
