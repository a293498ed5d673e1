//! One ticket.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc, time::Instant};

use event_store::group_load::{Question, Reader};
use schemas::TicketId;
use sqlx::PgConnection;

use super::{QueryError, observe};
use crate::read_model::{Ticket, select_tickets};

/// What names one ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Text that can name no ticket.
#[derive(Debug, thiserror::Error)]
#[error("must be a ticket's id (tkt_ and 26 letters or digits) or its number")]
pub struct NotATicketKey;

impl FromStr for TicketKey {
    type Err = NotATicketKey;

    fn from_str(text: &str) -> Result<Self, NotATicketKey> {
        let id = text.parse().map(Self::Id).ok();
        id.or_else(|| number(text).map(Self::Number)).ok_or(NotATicketKey)
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Single tickets: requests that come at the same time share a query.
#[derive(Debug)]
pub struct Single;

/// Hands out single tickets.
pub type Tickets = Reader<Single>;

impl Question for Single {
    type Key = TicketKey;
    type Found = Arc<Ticket>;

    async fn ask(
        connection: &mut PgConnection,
        keys: Vec<TicketKey>,
    ) -> Result<HashMap<TicketKey, Arc<Ticket>>, sqlx::Error> {
        let (ids, numbers): (Vec<_>, Vec<_>) = keys.iter().map(|key| key.columns()).unzip();
        let (ids, numbers): (Vec<_>, Vec<_>) =
            (ids.into_iter().flatten().collect(), numbers.into_iter().flatten().collect());
        let started = Instant::now();
        let query = select_tickets!("where id = any($1) or number = any($2)", &ids, &numbers);
        let tickets = query.fetch_all(connection).await;
        observe("select", "tickets", started);
        let tickets = tickets?.into_iter().map(Arc::new);
        let keys_of = |ticket: &Ticket| {
            [ticket.id.parse().map(TicketKey::Id).ok(), Some(TicketKey::Number(ticket.number))]
        };
        let named = tickets.flat_map(|ticket| keys_of(&ticket).map(|key| Some((key?, ticket.clone()))));
        Ok(named.flatten().filter(|(key, _)| keys.contains(key)).collect())
    }
}

/// The ticket, if there is one.
///
/// # Errors
/// As [`QueryError`].
pub async fn ticket(tickets: &Tickets, key: TicketKey) -> Result<Option<Ticket>, QueryError> {
    Ok(tickets.load(key).await?.map(Arc::unwrap_or_clone))
}
