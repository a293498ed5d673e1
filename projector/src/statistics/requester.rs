//! What a ticket adds to its requester.

use chrono::{DateTime, Utc};

use crate::read_model::{Ticket, status};

/// Numbers of tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Share {
    pub tickets: i64,
    pub open: i64,
    pub negative: i64,
    pub reopened: i64,
}

/// By how much a requester's row changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct RequesterChange {
    pub share: Share,
    pub first_ticket_at: DateTime<Utc>,
    pub last_ticket_at: DateTime<Utc>,
    pub last_number: i64,
}

impl Share {
    /// Of one ticket.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            tickets: 1,
            open: i64::from(ticket.status == status::OPEN),
            negative: i64::from(ticket.sentiment.as_deref() == Some("negative")),
            reopened: i64::from(ticket.reopenings > 0),
        }
    }

    /// What leads from `before` to this.
    #[must_use]
    pub const fn minus(self, before: Self) -> Self {
        Self {
            tickets: self.tickets - before.tickets,
            open: self.open - before.open,
            negative: self.negative - before.negative,
            reopened: self.reopened - before.reopened,
        }
    }

    const fn add(&mut self, more: Self) {
        self.tickets += more.tickets;
        self.open += more.open;
        self.negative += more.negative;
        self.reopened += more.reopened;
    }
}

impl RequesterChange {
    /// By a ticket whose share changes by `share`.
    #[must_use]
    pub const fn by(ticket: &Ticket, share: Share) -> Self {
        let (at, number) = (ticket.created_at, ticket.number);
        Self { share, first_ticket_at: at, last_ticket_at: at, last_number: number }
    }

    /// Both.
    pub(super) fn add(&mut self, more: &Self) {
        self.share.add(more.share);
        self.first_ticket_at = self.first_ticket_at.min(more.first_ticket_at);
        self.last_ticket_at = self.last_ticket_at.max(more.last_ticket_at);
        self.last_number = self.last_number.max(more.last_number);
    }
}
