//! How a page is asked for. Which tickets pass a filter, the database cannot foresee: it takes labels for independent, and
//! for spread evenly over time. So no statement here leaves it to luck how many tickets are read in vain.

use std::collections::HashMap;

use schemas::analysis::{Priority, Sentiment};
use sqlx::PgPool;

use super::{Filter, Key, Place, Terms, Window};
use crate::read_model::{Ticket, select_tickets};

/// Changes that are looked at in their order, in an index, before the tickets that pass the filter are looked for by their labels
/// and sorted. Where one of eight hundred passes, a page is found among so many.
const WALK: i64 = 40_000;
/// Tickets that are looked at in the order of urgency before the same is done.
const SHORT_WALK: i64 = 1_000;

/// Filters by up to so many labels may let a hundred combinations pass, those by more a dozen.
const MANY_SETS: usize = 3;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) filter: &'a Filter,
    pub(super) window: Window,
    /// The page lies beyond it.
    pub(super) place: Place,
    /// The tickets of the filter's time span have numbers from the first to the last of these.
    pub(super) numbers: (i64, i64),
}

type Tickets = Result<Vec<Ticket>, sqlx::Error>;

// What all statements have in common: every filter, checked on the ticket itself. That a ticket lies in the time span is no
// condition for an index (so it is written as a difference): its number is. Where the key is the number, $1 is $2 again, but
// a pair of them would be one condition too many: Postgres may then begin at the wrong end of the numbers.
macro_rules! select {
    ($asked:expr, $pool:expr, [$($join:literal)*], [$($also:literal)*], [$($order:literal)*] $(, $argument:expr)* $(,)?) => {{
        let Asked { filter, window, place, numbers } = $asked;
        select_tickets!(
            $($join)* " where ($3::text is null or status = $3)
               and ($4::text is null or category = $4)
               and ($5::text is null or priority = $5)
               and ($6::text is null or sentiment = $6)
               and ($7::text is null or request_type = $7)
               and ($8::text is null or route = $8)
               and ($9::timestamptz is null or created_at - $9 >= interval '0')
               and ($10::timestamptz is null or created_at - $10 < interval '0')
               and ($11::boolean is null or needs_review = $11)
               and ($12::text is null or assignee = $12)
               and number between $13 and $14 and " $($also)* " order by " $($order)* " limit $15",
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
            $(, $argument)*
        )
        .fetch_all($pool)
        .await
    }};
}

// Somebody's tickets, those that need a person, or those that changed last, are few enough to look at the combination of each,
// which is in the index, as is the urgency. That it is one of those that pass is written as a truth value, which is no join, so
// that they are looked up in memory.
macro_rules! of_few {
    ($asked:expr, $pool:expr, [$($from:literal)*], $few:literal, $key:literal, $beyond:literal,
     [$($order:literal)*] $(, $argument:expr)* $(,)?) => {
        select!(
            $asked, $pool,
            ["join (select number, " $key " as key from " $($from)* " near
                    where " $few " and number between $13 and $14 and " $beyond "
                      and (coalesce($3, $4, $5, $6, $7, $8) is null or (near.label_set in (
                              select held from projector.label_sets_of($3, $4, $5, $6, $7, $8) held)) is true)
                      and ($11::boolean is null or near.needs_review = $11)
                      and ($9::timestamptz is null or near.created_at - $9 >= interval '0')
                      and ($10::timestamptz is null or near.created_at - $10 < interval '0')
                    order by " $($order)* " limit $15) near using (number)"],
            ["$1::bigint is not null and $2::bigint is not null"],
            [$($order)*]
            $(, $argument)*
        )
    };
}

// The first `share` of each combination of labels that passes, merged, in an order that an index of combinations has.
macro_rules! merged {
    ($asked:expr, $pool:expr, $share:expr, $key:literal, $beyond:literal, $order:literal) => {
        select!(
            $asked, $pool,
            ["join (select number, key
                    from projector.label_sets_of($3, $4, $5, $6, $7, $8) held (label_set)
                    cross join lateral (
                        select number, " $key " as key from projector.tickets near
                        where near.label_set = held.label_set and number between $13 and $14 and " $beyond "
                          and ($11::boolean is null or near.needs_review = $11)
                          and ($9::timestamptz is null or near.created_at - $9 >= interval '0')
                          and ($10::timestamptz is null or near.created_at - $10 < interval '0')
                        order by " $order " limit $16
                    ) near
                    order by " $order " limit $15) near using (number)"],
            ["$1::bigint is not null and $2::bigint is not null"],
            [$order],
            $share,
        )
    };
}

// Those that have the labels, sorted: what is left to do where a walk finds too few.
macro_rules! sorted_by {
    ($asked:expr, $pool:expr, $key:literal, $beyond:literal, $direction:literal) => {
        select!(
            $asked, $pool,
            [],
            ["(" $key ", number) " $beyond " ($1::bigint, $2::bigint)
              and ($16::boolean or label_set = any(
                  array(select held from projector.label_sets_of($3, $4, $5, $6, $7, $8) held)))"],
            [$key " " $direction ", number " $direction],
            $asked.filter.labels() == 0,
        )
    };
}

// The direction of a list is no parameter in SQL.
macro_rules! directed {
    ($asked:expr, $statement:ident) => {
        if $asked.window.descending { $statement!("<", "desc") } else { $statement!(">", "asc") }
    };
}

// Nor are its key, what lies beyond the place, and its order, where indexes have two of them.
macro_rules! ordered {
    ($asked:expr, $statement:ident) => {
        match ($asked.window.key, $asked.window.descending) {
            (Key::Urgency, true) => $statement!(
                "coalesce(urgency, 0)",
                "(coalesce(urgency, 0), number) < ($1::bigint, $2::bigint)",
                "key desc, number desc"
            ),
            (Key::Urgency, false) => $statement!(
                "coalesce(urgency, 0)",
                "(coalesce(urgency, 0), number) > ($1::bigint, $2::bigint)",
                "key, number"
            ),
            (Key::Created | Key::Updated, true) => {
                $statement!("number", "number < $2::bigint", "number desc")
            }
            (Key::Created | Key::Updated, false) => $statement!("number", "number > $2::bigint", "number"),
        }
    };
}

impl Asked<'_> {
    /// Newest or oldest first.
    pub(super) async fn by_creation(self, pool: &PgPool) -> Tickets {
        let review = self.filter.needs_review == Some(true);
        match (self.filter.labels(), self.filter.assignee.is_some()) {
            (_, true) => self.of_assignee(pool).await,
            (1.., false) if review => self.to_review(pool).await,
            (2.., false) => self.of_label_sets(pool).await,
            // There is an index for each filter that has its tickets in this order.
            (0 | 1, false) => self.by_number(pool).await,
        }
    }

    async fn by_number(self, pool: &PgPool) -> Tickets {
        macro_rules! statement {
            ($beyond:literal, $direction:literal) => {
                select!(
                    self, pool,
                    [],
                    ["number " $beyond " $2 and $1::bigint is not null"],
                    ["number " $direction],
                )
            };
        }
        directed!(self, statement)
    }

    /// The first of each combination of labels that passes, merged: what it costs does not depend on how many tickets have
    /// them. Where many combinations pass, each has few tickets on a page, so a share of a page is taken of each at first.
    async fn of_label_sets(self, pool: &PgPool) -> Tickets {
        let whole = self.window.limit;
        if self.filter.labels() > MANY_SETS {
            return self.merged(pool, whole).await;
        }
        let share = (whole + 2) / 3;
        let found = self.merged(pool, share).await?;
        // One that has all of its share on the page may have had more.
        if most_of_one_set(&found) < share { Ok(found) } else { self.merged(pool, whole).await }
    }

    /// A page made of no more than the first `share` of each combination, by creation or urgency.
    async fn merged(self, pool: &PgPool, share: i64) -> Tickets {
        macro_rules! statement {
            ($key:literal, $beyond:literal, $order:literal) => {
                merged!(self, pool, share, $key, $beyond, $order)
            };
        }
        ordered!(self, statement)
    }

    async fn of_assignee(self, pool: &PgPool) -> Tickets {
        macro_rules! statement {
            ($key:literal, $beyond:literal, $order:literal) => {
                of_few!(self, pool, ["projector.tickets"], "near.assignee = $12", $key, $beyond, [$order])
            };
        }
        ordered!(self, statement)
    }

    async fn to_review(self, pool: &PgPool) -> Tickets {
        macro_rules! statement {
            ($key:literal, $beyond:literal, $order:literal) => {
                of_few!(self, pool, ["projector.tickets"], "near.needs_review", $key, $beyond, [$order])
            };
        }
        ordered!(self, statement)
    }

    /// The latest or earliest changed first: an index holds that order with all that is filtered by, so that looking at a change
    /// costs next to nothing. What so few pass that they are not found there is sorted.
    pub(super) async fn by_change(self, pool: &PgPool) -> Tickets {
        macro_rules! walked {
            ($beyond:literal, $direction:literal) => {
                of_few!(
                    self, pool,
                    ["(select number, position, created_at, label_set, needs_review, assignee
                       from projector.last_changes
                       where position " $beyond " $1 order by position " $direction " limit $16)"],
                    "($12::text is null or near.assignee = $12)",
                    "position",
                    "true",
                    ["key " $direction],
                    WALK,
                )
            };
        }
        macro_rules! sorted {
            ($beyond:literal, $direction:literal) => {
                sorted_by!(self, pool, "position", $beyond, $direction)
            };
        }
        let found = directed!(self, walked)?;
        let is_whole = found.len() as i64 == self.window.limit || self.walks_to_the_end(pool).await?;
        if is_whole { Ok(found) } else { directed!(self, sorted) }
    }

    /// Whether so few changes lie beyond the place that a walk sees them all.
    async fn walks_to_the_end(self, pool: &PgPool) -> Result<bool, sqlx::Error> {
        macro_rules! statement {
            ($beyond:literal, $direction:literal) => {
                sqlx::query_scalar!(
                    r#"select not exists (select from projector.last_changes where position "#
                        + $beyond
                        + r#" $1 order by position "#
                        + $direction
                        + r#" offset $2::bigint) as "all!""#,
                    self.place.key,
                    WALK,
                )
                .fetch_one(pool)
                .await
            };
        }
        directed!(self, statement)
    }

    /// The most or least urgent first. Combinations of labels and what needs a person have indexes in this order; somebody's
    /// tickets are sorted where a walk finds too few, by an index that holds the urgency. No index has both urgency and time, so
    /// what is left of a time span is sorted, too.
    pub(super) async fn by_urgency(self, pool: &PgPool) -> Tickets {
        let any_time = self.filter.from.is_none() && self.filter.to.is_none();
        let assigned = self.filter.assignee.is_some();
        if any_time && !assigned {
            if self.filter.needs_review == Some(true) {
                return self.to_review(pool).await;
            }
            if self.filter.labels() > 1 {
                return self.of_label_sets(pool).await;
            }
        }
        let found = self.walked_by_urgency(pool).await?;
        if found.len() as i64 == self.window.limit {
            return Ok(found);
        }
        match self.filter.labels() {
            _ if assigned => self.of_assignee(pool).await,
            1 if any_time => self.of_label_sets(pool).await,
            _ => self.sorted_by_urgency(pool).await,
        }
    }

    async fn walked_by_urgency(self, pool: &PgPool) -> Tickets {
        macro_rules! statement {
            ($beyond:literal, $direction:literal) => {
                select!(
                    self, pool,
                    ["join (select number, coalesce(urgency, 0) as key from projector.tickets
                            where (coalesce(urgency, 0), number) " $beyond " ($1::bigint, $2::bigint)
                            order by coalesce(urgency, 0) " $direction ", number " $direction " limit $16) near
                          using (number)"],
                    ["(near.key, number) " $beyond " ($1::bigint, $2::bigint)"],
                    ["near.key " $direction ", number " $direction],
                    SHORT_WALK,
                )
            };
        }
        directed!(self, statement)
    }

    async fn sorted_by_urgency(self, pool: &PgPool) -> Tickets {
        macro_rules! statement {
            ($beyond:literal, $direction:literal) => {
                sorted_by!(self, pool, "coalesce(urgency, 0)", $beyond, $direction)
            };
        }
        directed!(self, statement)
    }

    /// Those that hold all of `terms`. How many do, the database knows well.
    pub(super) async fn with_words(self, pool: &PgPool, key: Key, terms: &Terms) -> Tickets {
        macro_rules! by {
            ($key:literal, $beyond:literal, $direction:literal) => {
                select!(
                    self, pool,
                    ["join projector.search using (number)"],
                    ["(" $key ", number) " $beyond " ($1::bigint, $2::bigint)
                      and words @@ projector.search_query($16, $17)"],
                    [$key " " $direction ", number " $direction],
                    &terms.kinds,
                    &terms.terms,
                )
            };
        }
        // Nothing of the tickets is asked for: only those of the page are read.
        macro_rules! words_alone {
            ($beyond:literal, $direction:literal) => {
                select!(
                    self, pool,
                    ["join (select number from projector.search
                            where number " $beyond " $2 and words @@ projector.search_query($16, $17)
                            order by number " $direction " limit $15) found using (number)"],
                    ["number " $beyond " $2 and $1::bigint is not null"],
                    ["number " $direction],
                    &terms.kinds,
                    &terms.terms,
                )
            };
        }
        macro_rules! created {
            ($beyond:literal, $direction:literal) => {
                by!("number", $beyond, $direction)
            };
        }
        macro_rules! updated {
            ($beyond:literal, $direction:literal) => {
                by!("position", $beyond, $direction)
            };
        }
        macro_rules! urgent {
            ($beyond:literal, $direction:literal) => {
                by!("coalesce(urgency, 0)", $beyond, $direction)
            };
        }
        match key {
            Key::Created if self.filter.is_of_words_alone() => directed!(self, words_alone),
            Key::Created => directed!(self, created),
            Key::Updated => directed!(self, updated),
            Key::Urgency => directed!(self, urgent),
        }
    }
}

/// How many of these tickets, at most, have the same combination of labels.
fn most_of_one_set(tickets: &[Ticket]) -> i64 {
    let mut sets = HashMap::new();
    for ticket in tickets {
        *sets.entry(ticket.label_set()).or_insert(0) += 1;
    }
    sets.into_values().max().unwrap_or(0)
}
