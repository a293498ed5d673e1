//! One page of tickets, by keyset: a page begins beside the place the last one ended at, so it costs the same however
//! deep it lies, and tickets that arrive meanwhile neither repeat nor hide others.

mod statement;

use chrono::{DateTime, TimeDelta, Utc};
use schemas::analysis::{Priority, Sentiment};
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::read_model::Ticket;
use statement::Asked;

/// Which tickets to list; a filter that is not set lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where it stands: `open`, `resolved` or `closed`.
    pub status: Option<&'static str>,
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
    /// What its text holds.
    pub text: Option<Terms>,
}

impl Filter {
    /// How many of its conditions are labels that `projector.label_sets` tell apart.
    fn labels(&self) -> usize {
        let labels = [
            self.status.is_some(),
            self.category.is_some(),
            self.priority.is_some(),
            self.sentiment.is_some(),
            self.request_type.is_some(),
            self.route.is_some(),
        ];
        labels.into_iter().filter(|asked| *asked).count()
    }

    /// Whether nothing but its words keeps a ticket out.
    fn is_of_words_alone(&self) -> bool {
        let others =
            [self.assignee.is_some(), self.from.is_some(), self.to.is_some(), self.needs_review.is_some()];
        self.labels() == 0 && !others.contains(&true)
    }
}

/// A full-text question, term by term, as `projector.search_query` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `word`, `phrase` or `prefix`, each with `-` before it to exclude.
    pub kinds: Vec<String>,
    /// As many terms.
    pub terms: Vec<String>,
}

/// What a list is ordered by; tickets that are equal in it are ordered by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Creation, which is the number.
    Created,
    /// The last event.
    Updated,
    /// The urgency; tickets without an analysis have none.
    Urgency,
}

/// Where a page begins: beside this ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value of the key; of [`Key::Created`]: the number again.
    pub key: i64,
    /// The ticket's number.
    pub number: i64,
}

/// Which part of the list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// By what.
    pub key: Key,
    /// Whether the largest value comes first.
    pub descending: bool,
    /// The ticket the page begins beside; `None` is the start of the list.
    pub beside: Option<Place>,
    /// Tickets at most.
    pub limit: i64,
}

impl Key {
    /// The ticket's place in a list ordered by this key.
    #[must_use]
    pub fn place(self, ticket: &Ticket) -> Place {
        let key = match self {
            Self::Created => ticket.number,
            Self::Updated => ticket.position,
            Self::Urgency => ticket.urgency.map_or(0, i64::from),
        };
        Place { key, number: ticket.number }
    }

    /// A place right beside this one, so that what lies beyond it begins with the ticket at this one.
    #[must_use]
    pub const fn before(self, place: Place, descending: bool) -> Place {
        let (step, outermost) = if descending { (1, 0) } else { (-1, i64::MAX) };
        match self {
            // No two tickets have the same last event.
            Self::Updated => Place { key: place.key.saturating_add(step), number: outermost },
            Self::Created | Self::Urgency => Place { number: place.number.saturating_add(step), ..place },
        }
    }
}

/// Up to `window.limit` tickets that pass `filter`.
///
/// # Errors
/// As [`QueryError`].
pub async fn page(pool: &PgPool, filter: &Filter, window: Window) -> Result<Vec<Ticket>, QueryError> {
    let numbers = numbers(pool, filter.from, filter.to).await?;
    let outermost = if window.descending { i64::MAX } else { -1 };
    let place = window.beside.unwrap_or(Place { key: outermost, number: outermost });
    let asked = Asked { filter, window, place, numbers };
    let query = async {
        match (window.key, &filter.text) {
            (key, Some(terms)) => asked.with_words(pool, key, terms).await,
            (Key::Created, None) => asked.by_creation(pool).await,
            (Key::Updated, None) => asked.by_change(pool).await,
            (Key::Urgency, None) => asked.by_urgency(pool).await,
        }
    };
    timed("select", "tickets", query).await
}

/// How far the log's clock may have been set back and still every ticket of a time span be found.
const CLOCK_STEP: TimeDelta = TimeDelta::minutes(10);

/// The numbers between which all tickets of a time span lie: numbers follow time but for steps of the clock. Without
/// this a list of last year's tickets would walk past all newer ones.
async fn numbers(
    pool: &PgPool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<(i64, i64), QueryError> {
    if from.is_none() && to.is_none() {
        return Ok((0, i64::MAX));
    }
    let step = |time: DateTime<Utc>, by| time.checked_add_signed(by).unwrap_or(time);
    let query = sqlx::query!(
        r#"select (select number from projector.tickets
                   where created_at >= $1 order by created_at, number limit 1) as first,
                  (select number from projector.tickets
                   where created_at < $2 order by created_at desc, number desc limit 1) as last"#,
        from.map(|from| step(from, -CLOCK_STEP)),
        to.map(|to| step(to, CLOCK_STEP)),
    );
    let row = timed("select", "tickets", query.fetch_one(pool)).await?;
    // A span without its end has no limit there; one that nothing lies in has no numbers at all.
    let first = if from.is_some() { row.first.unwrap_or(i64::MAX) } else { 0 };
    let last = if to.is_some() { row.last.unwrap_or(0) } else { i64::MAX };
    Ok((first, last))
}
