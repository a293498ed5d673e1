//! Which tickets are alike, by the angle between their embeddings: those that an index finds nearest, where the server has
//! one (`migrations/*_nearest_by_index.sql`), else the newest of the same space; either way each is compared exactly.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt as _;
use sqlx::PgPool;

use super::{QueryError, ticket::TicketKey, timed};
use crate::read_model::{Ticket, select_tickets};

/// Earlier tickets compared at most, and as many of those that came after: 8 MB read and some milliseconds of arithmetic.
const COMPARED: i64 = 20_000;
/// Candidates an index looks at, and whether it looks on while others are filtered out. What the server's pgvector does
/// not know it leaves alone.
pub(super) const INDEX_OPTIONS: [(&str, &str); 2] =
    [("hnsw.ef_search", "200"), ("hnsw.iterative_scan", "strict_order")];

/// Where a ticket's text lies.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Vector {
    pub number: i64,
    pub created_at: DateTime<Utc>,
    pub space: String,
    pub steps: Vec<u8>,
}

/// Another ticket, and how much alike both are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// The other ticket.
    pub number: i64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// 1 for the same text, 0 for texts that have nothing in common.
    pub score: f32,
}

/// Where this ticket's text lies; nothing before its analysis, or once its requester was erased.
///
/// # Errors
/// As [`QueryError`].
pub async fn vector(pool: &PgPool, key: TicketKey) -> Result<Option<Vector>, QueryError> {
    let (id, number) = key.columns();
    let query = sqlx::query_as!(
        Vector,
        "select number, created_at, space, steps from projector.embeddings where ticket_id = $1 or number = $2",
        id,
        number,
    );
    timed("select", "embeddings", query.fetch_optional(pool)).await
}

/// What a ticket was compared with.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Other tickets, each once, in no order.
    pub likenesses: Vec<Likeness>,
    /// An index found the nearest ones.
    pub by_index: bool,
}

/// Compares a ticket with the `wanted` earlier ones nearest to it and with all within `around`: by an index, where there
/// is one that finds so many, else with the latest before it. However many came after it, those before are compared: a flood
/// of tickets is when incidents are looked for.
///
/// # Errors
/// As [`QueryError`].
pub async fn compared(
    pool: &PgPool,
    of: &Vector,
    around: TimeDelta,
    wanted: usize,
) -> Result<Compared, QueryError> {
    let nearest = nearest(pool, of, wanted).await?;
    let by_index = nearest.len() >= wanted;
    let from = by_index.then(|| of.created_at - around);
    let mut likenesses = before(pool, of, from).await?;
    likenesses.extend(after(pool, of, of.created_at + around).await?);
    if by_index {
        let known: HashSet<i64> = likenesses.iter().map(|other| other.number).collect();
        likenesses.extend(nearest.into_iter().filter(|other| !known.contains(&other.number)));
    }
    Ok(Compared { likenesses, by_index })
}

/// The earlier tickets nearest to this one, as far as an index finds them; none without an index.
async fn nearest(pool: &PgPool, of: &Vector, limit: usize) -> Result<Vec<Likeness>, QueryError> {
    let query = sqlx::query!(
        r#"select number as "number!", created_at as "created_at!", steps as "steps!"
           from projector.nearest($1, $2, $3, $4)"#,
        of.space,
        of.number,
        of.steps,
        limit as i32,
    );
    let others = timed("nearest", "embeddings", query.fetch_all(pool)).await?;
    let others = others.into_iter().map(|other| of.likeness(other.number, other.created_at, &other.steps));
    Ok(others.collect())
}

/// The latest tickets before this one, from a time on, if any.
async fn before(
    pool: &PgPool,
    of: &Vector,
    from: Option<DateTime<Utc>>,
) -> Result<Vec<Likeness>, QueryError> {
    let query = sqlx::query!(
        "select number, created_at, steps from projector.embeddings
         where space = $1 and ($2::timestamptz is null or created_at >= $2) and created_at <= $3 and number <> $4
         order by created_at desc limit $5",
        of.space,
        from,
        of.created_at,
        of.number,
        COMPARED,
    );
    // Each is compared as it comes: neither are all of them held at once, nor is a thread kept for long.
    let others = query.fetch(pool).map_ok(|other| of.likeness(other.number, other.created_at, &other.steps));
    timed("select", "embeddings", others.try_collect()).await
}

/// The first tickets after this one, up to a time.
async fn after(pool: &PgPool, of: &Vector, until: DateTime<Utc>) -> Result<Vec<Likeness>, QueryError> {
    let query = sqlx::query!(
        "select number, created_at, steps from projector.embeddings
         where space = $1 and created_at > $2 and created_at <= $3
         order by created_at limit $4",
        of.space,
        of.created_at,
        until,
        COMPARED,
    );
    let others = query.fetch(pool).map_ok(|other| of.likeness(other.number, other.created_at, &other.steps));
    timed("select", "embeddings", others.try_collect()).await
}

impl Vector {
    fn likeness(&self, number: i64, created_at: DateTime<Utc>, steps: &[u8]) -> Likeness {
        Likeness { number, created_at, score: cosine(&self.steps, steps) }
    }
}

/// These tickets, in no order.
///
/// # Errors
/// As [`QueryError`].
pub async fn tickets(pool: &PgPool, numbers: &[i64]) -> Result<Vec<Ticket>, QueryError> {
    let query = select_tickets!("where number = any($1)", numbers);
    timed("select", "tickets", query.fetch_all(pool)).await
}

/// Of vectors of signed bytes; the length of a step does not matter for the angle.
fn cosine(a: &[u8], b: &[u8]) -> f32 {
    let signed = |byte: u8| i32::from(byte.cast_signed());
    let dot = |a: &[u8], b: &[u8]| -> i32 { a.iter().zip(b).map(|(a, b)| signed(*a) * signed(*b)).sum() };
    let lengths = (dot(a, a) as f32).sqrt() * (dot(b, b) as f32).sqrt();
    if a.len() != b.len() || lengths == 0.0 { 0.0 } else { dot(a, b) as f32 / lengths }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[i8]) -> Vec<u8> {
        values.iter().map(|value| value.cast_unsigned()).collect()
    }

    #[test]
    fn likeness_is_the_angle_whatever_the_length() {
        let a = bytes(&[3, -4, 0]);
        assert!((cosine(&a, &bytes(&[6, -8, 0])) - 1.0).abs() < 1e-6);
        assert!((cosine(&a, &bytes(&[-3, 4, 0])) + 1.0).abs() < 1e-6);
        assert!(cosine(&a, &bytes(&[0, 0, 9])).abs() < 1e-6);
        assert!(cosine(&a, &bytes(&[0, 0, 0])).abs() < 1e-6);
    }
}
