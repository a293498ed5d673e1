//! The time a figure is about: all of it, a period, or everything as it was at a time. Periods are
//! kept by the hour, so they are widened to full hours, and the answer says to which.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use schemas::Position;
use serde::Serialize;
use service_host::Problem;

use super::parameter::{Moment, check_past, check_span};
use crate::queries::counters::{Grain, Span, begin, end};

/// Declares query parameters: a period, and what else the route takes. serde cannot flatten the one into the other and
/// refuse unknown names.
macro_rules! period_params {
    ($(#[$meta:meta])* pub struct $name:ident { $($rest:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($rest)*
            /// Tickets submitted at or after this time, widened to the full hour.
            from: Option<$crate::http::parameter::Moment>,
            /// Tickets submitted before this time, widened to the full hour.
            to: Option<$crate::http::parameter::Moment>,
            /// All tickets as they were at this time.
            as_of: Option<$crate::http::parameter::Moment>,
            /// Wait until the answer holds everything up to this position of the log.
            min_position: Option<$crate::http::freshness::MinPosition>,
        }

        impl $name {
            /// The period, once the read model is where it is wanted.
            pub(crate) async fn period(
                &self,
                state: &$crate::http::AppState,
            ) -> Result<$crate::http::period::Period, service_host::Problem> {
                let period = $crate::http::period::Period::of(self.from, self.to, self.as_of)?;
                $crate::http::freshness::wait_for(state, &[&state.progress], self.min_position).await?;
                Ok(period)
            }
        }
    };
}
pub(crate) use period_params;

period_params! {
    /// The query parameters of figures that take nothing else.
    pub struct PeriodParams {}
}

/// The time a figure is about; from and to are widened to full hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// Tickets submitted at or after; null = from the first one.
    from: Option<DateTime<Utc>>,
    /// Tickets submitted before; null = to the last one.
    to: Option<DateTime<Utc>>,
    /// As the tickets were then; null = as they are now.
    as_of: Option<DateTime<Utc>>,
    /// Where the log stood then. An hour of more than 20 000 events is left out as a whole: this says where it began.
    as_of_position: Option<Position>,
}

impl Period {
    /// Of the parameters of a request.
    ///
    /// # Errors
    /// 400 for a period that ends before it begins, for a time to look back to that has not come, or for both.
    pub fn of(from: Option<Moment>, to: Option<Moment>, as_of: Option<Moment>) -> Result<Self, Problem> {
        check_span(from, to)?;
        check_past(as_of)?;
        if as_of.is_some() && (from.is_some() || to.is_some()) {
            return Err(Problem::bad_request(
                "asOf looks back at all tickets: it does not go with from and to",
            ));
        }
        Ok(Self {
            from: from.map(|from| begin(from.0, Grain::Hour)),
            to: to.map(|to| end(to.0, Grain::Hour)),
            as_of: as_of.map(|time| time.0),
            as_of_position: None,
        })
    }

    /// As the counters take it.
    #[must_use]
    pub fn span(&self) -> Span {
        if self.from.is_none() && self.to.is_none() {
            return Span::All;
        }
        let (from, to) = self.all_bounds();
        Span::Between(from, to)
    }

    /// When it looks back to.
    #[must_use]
    pub const fn as_of(&self) -> Option<DateTime<Utc>> {
        self.as_of
    }

    /// Notes where the log stood then.
    pub const fn found_at(&mut self, position: Position) {
        self.as_of_position = Some(position);
    }

    /// From when to when, from the first ticket to the last where the request does not say.
    #[must_use]
    pub fn all_bounds(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.from.unwrap_or(DateTime::UNIX_EPOCH), self.to.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// As [`Self::all_bounds`], but whole hours or days.
    #[must_use]
    pub fn widened_to(&self, grain: Grain) -> (DateTime<Utc>, DateTime<Utc>) {
        let (from, to) = self.all_bounds();
        (begin(from, grain), end(to, grain))
    }

    /// From when to when, with `length` before `now` where the request does not say.
    #[must_use]
    pub fn bounds(&self, now: DateTime<Utc>, length: chrono::TimeDelta) -> (DateTime<Utc>, DateTime<Utc>) {
        let to = self.to.unwrap_or_else(|| end(now, Grain::Hour));
        (self.from.unwrap_or(to - length), to)
    }
}
