//! Where events go on the bus: `tickets.<type>.<ticket id>`, so that the plain `nats` CLI can follow one ticket
//! (`tickets.*.<id>`) or one type (`tickets.analyzed.>`).

use crate::{envelope::Envelope, event::TicketEvent};

/// The stream that caches the log.
pub const STREAM: &str = "TICKETS";

/// Everything in it.
pub const ALL: &str = "tickets.>";

/// Token of an event type this build does not know: a newer writer's events still reach the bus.
const UNKNOWN: &str = "other";

/// The subject of an event.
#[must_use]
pub fn of(envelope: &Envelope) -> String {
    format!("tickets.{}.{}", token(&envelope.type_name), envelope.subject)
}

/// The kebab-case subject token of a storage name.
#[must_use]
pub fn token(type_name: &str) -> &'static str {
    TicketEvent::TYPES.iter().find(|(name, _)| *name == type_name).map_or(UNKNOWN, |(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_token() {
        let mut tokens: Vec<_> = TicketEvent::TYPES.iter().map(|(_, token)| token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), TicketEvent::TYPES.len());
    }

    #[test]
    fn a_type_of_tomorrow_still_has_a_subject() {
        assert_eq!(token("hub.ticket.escalated.v9"), UNKNOWN);
    }
}
