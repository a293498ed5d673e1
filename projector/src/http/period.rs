//! The time a figure is about: all of it, a period, or everything as it was at a time. Periods are
//! kept by the hour, so they are widened to full hours, and the answer says to which.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use schemas::Position;
use serde::Serialize;
use service_host::Problem;

use super::parameter::{Moment, check_span};
use crate::queries::counters::{Grain, Span, begin, end};

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
    /// 400 for a period that ends before it begins, or for both a period and a time to look back to.
    pub fn of(from: Option<Moment>, to: Option<Moment>, as_of: Option<Moment>) -> Result<Self, Problem> {
        check_span(from, to)?;
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

    /// From when to when, with `length` before `now` where the request does not say.
    #[must_use]
    pub fn bounds(&self, now: DateTime<Utc>, length: chrono::TimeDelta) -> (DateTime<Utc>, DateTime<Utc>) {
        let to = self.to.unwrap_or_else(|| end(now, Grain::Hour));
        (self.from.unwrap_or(to - length), to)
    }
}
