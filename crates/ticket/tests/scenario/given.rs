//! The words of a scenario.

use schemas::{
    EventId, TicketEvent,
    work::{AnalysisCorrected, Change},
};
use ticket::{Command, Rejection, Ticket, decide, evolve};
use uuid::Uuid;

/// A ticket with a past.
pub(crate) struct Given(Ticket);

/// The n-th of the events has the id [`event_id`] of n, from 1.
pub(crate) fn given(past: &[TicketEvent]) -> Given {
    let numbered = (1..).zip(past);
    Given(numbered.fold(Ticket::default(), |ticket, (n, event)| evolve(ticket, event_id(n), event)))
}

pub(crate) fn event_id(n: u128) -> EventId {
    EventId::new(Uuid::from_u128(n))
}

impl Given {
    #[track_caller]
    pub(crate) fn when(self, command: Command) -> Then {
        Then { outcome: decide(&self.0, command.clone()), ticket: self.0, command }
    }
}

/// What a command led to.
pub(crate) struct Then {
    ticket: Ticket,
    command: Command,
    outcome: Result<Option<TicketEvent>, Rejection>,
}

impl Then {
    /// The event follows, and the same command again leads to nothing more.
    #[track_caller]
    pub(crate) fn then(self, expected: &TicketEvent) {
        assert_eq!(self.outcome.as_ref(), Ok(&Some(expected.clone())));
        let again = decide(&evolve(self.ticket, event_id(999), expected), self.command);
        assert!(
            is_report(expected) || !matches!(again, Ok(Some(_))),
            "a repeated command must not repeat its effect"
        );
    }

    #[track_caller]
    pub(crate) fn then_nothing_happens(self) {
        assert_eq!(self.outcome, Ok(None));
    }

    #[track_caller]
    pub(crate) fn then_refused(self, rule: &Rejection) {
        assert_eq!(self.outcome.as_ref(), Err(rule));
    }
}

/// Each one counts, however often it is said.
fn is_report(event: &TicketEvent) -> bool {
    matches!(
        event,
        TicketEvent::AnalysisFailed(_)
            | TicketEvent::CrmDeliveryParked(_)
            | TicketEvent::CrmDeliveryAttempted(_)
            | TicketEvent::Commented(_)
            | TicketEvent::AnalysisCorrected(AnalysisCorrected { change: Change::Reading(_), .. })
    )
}
