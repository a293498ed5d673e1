//! Which tickets are alike, by the angle between their embeddings: exact, over the newest tickets of the same space.

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt as _;
use sqlx::PgPool;

use super::{QueryError, ticket::TicketKey, timed};
use crate::read_model::{Ticket, select_tickets};

/// Tickets compared at most: 8 MB read and some milliseconds of arithmetic.
const COMPARED: i64 = 20_000;

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

/// The newest tickets submitted up to `ahead` after this one, each with its likeness, in no order.
///
/// # Errors
/// As [`QueryError`].
pub async fn likenesses(pool: &PgPool, of: &Vector, ahead: TimeDelta) -> Result<Vec<Likeness>, QueryError> {
    let query = sqlx::query!(
        "select number, created_at, steps from projector.embeddings
         where space = $1 and created_at <= $2 and number <> $3
         order by created_at desc limit $4",
        of.space,
        of.created_at + ahead,
        of.number,
        COMPARED,
    );
    // Each is compared as it comes: neither are all of them held at once, nor is a thread kept for long.
    let others = query.fetch(pool).map_ok(|other| Likeness {
        number: other.number,
        created_at: other.created_at,
        score: cosine(&of.steps, &other.steps),
    });
    timed("select", "embeddings", others.try_collect()).await
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
