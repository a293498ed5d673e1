//! One ticket.

use schemas::TicketId;
use sqlx::PgPool;

use super::{QueryError, timed};
use crate::read_model::{Ticket, select_tickets};

/// What names one ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKey {
    /// Its id.
    Id(TicketId),
    /// Its number.
    Number(i64),
}

impl TicketKey {
    /// As parameters of a statement: the columns `id` and `number`, of which one is set.
    pub(super) fn columns(self) -> (Option<String>, Option<i64>) {
        match self {
            Self::Id(id) => (Some(id.to_string()), None),
            Self::Number(number) => (None, Some(number)),
        }
    }
}

/// The ticket, if there is one.
///
/// # Errors
/// As [`QueryError`].
pub async fn ticket(pool: &PgPool, key: TicketKey) -> Result<Option<Ticket>, QueryError> {
    let (id, number) = key.columns();
    let query = select_tickets!("where id = $1 or number = $2", id, number);
    timed("select", "tickets", query.fetch_optional(pool)).await
}
