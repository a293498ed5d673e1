//! One page of tickets, by keyset: a page begins beside the place the last one ended at, so it costs the same however
//! deep it lies, and tickets that arrive meanwhile neither repeat nor hide others.

use chrono::{DateTime, TimeDelta, Utc};
use schemas::analysis::{Priority, Sentiment};
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::read_model::{Ticket, select_tickets};

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
    /// Whether combinations of labels find the tickets sooner than an index of one of them, which then reads all those it
    /// finds for the other labels. Few tickets are one assignee's, who is no label, so that index is as good.
    fn is_by_several_labels(&self) -> bool {
        let labels = [
            self.status.is_some(),
            self.category.is_some(),
            self.priority.is_some(),
            self.sentiment.is_some(),
            self.request_type.is_some(),
            self.route.is_some(),
            self.needs_review == Some(true),
        ];
        self.assignee.is_none() && labels.into_iter().filter(|asked| *asked).count() > 1
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
}

/// Up to `window.limit` tickets that pass `filter`.
///
/// # Errors
/// As [`QueryError`].
pub async fn page(pool: &PgPool, filter: &Filter, window: Window) -> Result<Vec<Ticket>, QueryError> {
    let numbers = numbers(pool, filter.from, filter.to).await?;
    let outermost = if window.descending { i64::MAX } else { -1 };
    let place = window.beside.unwrap_or(Place { key: outermost, number: outermost });
    let terms = filter.text.clone().unwrap_or_default();
    // The statements differ in what they are ordered by, in the direction, and in whether they search, none of which is
    // a parameter in SQL.
    macro_rules! select {
        ([$($join:literal)*], $key:literal, $beyond:literal, $direction:literal $(, $search:literal, $kinds:expr, $terms:expr)?) => {
            select_tickets!(
                $($join)* " where ($3::text is null or status = $3)
                   and ($4::text is null or category = $4)
                   and ($5::text is null or priority = $5)
                   and ($6::text is null or sentiment = $6)
                   and ($7::text is null or request_type = $7)
                   and ($8::text is null or route = $8)
                   and ($9::timestamptz is null or created_at >= $9)
                   and ($10::timestamptz is null or created_at < $10)
                   and ($11::boolean is null or needs_review = $11)
                   and ($12::text is null or assignee = $12)
                   and number between $13 and $14
                   and (" $key ", number) " $beyond " ($1::bigint, $2::bigint)" $($search)?
                " order by " $key " " $direction ", number " $direction " limit $15",
                place.key,
                place.number,
                filter.status,
                filter.category.as_deref(),
                filter.priority.map(Priority::name),
                filter.sentiment.map(Sentiment::name),
                filter.request_type.as_deref(),
                filter.route.as_deref(),
                filter.from,
                filter.to,
                filter.needs_review,
                filter.assignee.as_deref(),
                numbers.0,
                numbers.1,
                window.limit
                $(, $kinds, $terms)?
            )
            .fetch_all(pool)
            .await
        };
    }
    // The newest (or oldest) of each combination of labels that passes, merged: what it costs does not depend on how many
    // tickets have them. All that is not a label is checked before a combination's share is cut off.
    macro_rules! of_label_sets {
        ($beyond:literal, $direction:literal) => {
            select!(
                ["join (select near.number
                       from projector.label_sets held
                       cross join lateral (
                           select near.number from projector.tickets near
                           where near.label_set = held.label_set and near.number between $13 and $14
                             and near.number " $beyond " $2::bigint
                             and ($9::timestamptz is null or near.created_at >= $9)
                             and ($10::timestamptz is null or near.created_at < $10)
                           order by near.number " $direction " limit $15
                       ) near
                       where ($3::text is null or held.status = $3)
                         and ($4::text is null or held.category = $4)
                         and ($5::text is null or held.priority = $5)
                         and ($6::text is null or held.sentiment = $6)
                         and ($7::text is null or held.request_type = $7)
                         and ($8::text is null or held.route = $8)
                         and ($11::boolean is null or held.needs_review = $11)
                       order by near.number " $direction " limit $15) listed using (number)"],
                "number", $beyond, $direction
            )
        };
    }
    macro_rules! directed {
        ($join:literal, $key:literal $(, $search:literal, $kinds:expr, $terms:expr)?) => {
            if window.descending {
                select!([$join], $key, "<", "desc" $(, $search, $kinds, $terms)?)
            } else {
                select!([$join], $key, ">", "asc" $(, $search, $kinds, $terms)?)
            }
        };
    }
    let query = async {
        match (window.key, filter.text.is_some()) {
            (Key::Created, false) if filter.is_by_several_labels() && window.descending => {
                of_label_sets!("<", "desc")
            }
            (Key::Created, false) if filter.is_by_several_labels() => of_label_sets!(">", "asc"),
            (Key::Created, false) => directed!("", "number"),
            (Key::Updated, false) => directed!(
                "join (select ticket_id, position as changed from projector.timeline) change
                     on change.ticket_id = id and change.changed = position",
                "changed"
            ),
            (Key::Urgency, false) => directed!("", "coalesce(urgency, 0)"),
            (Key::Created, true) => directed!(
                "join projector.search using (number)",
                "number",
                " and words @@ projector.search_query($16, $17)",
                &terms.kinds,
                &terms.terms
            ),
            (Key::Updated, true) => directed!(
                "join projector.search using (number)",
                "position",
                " and words @@ projector.search_query($16, $17)",
                &terms.kinds,
                &terms.terms
            ),
            (Key::Urgency, true) => directed!(
                "join projector.search using (number)",
                "coalesce(urgency, 0)",
                " and words @@ projector.search_query($16, $17)",
                &terms.kinds,
                &terms.terms
            ),
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
