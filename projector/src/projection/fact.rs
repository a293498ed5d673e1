//! Envelopes with their facts read, and the keys that open them.

use anyhow::{Context as _, bail};
use event_store::{KeyRing, PersonalKeys, personal_keys::KeyError};
use schemas::{
    Envelope, RequesterId, TicketEvent,
    event::DecodeError,
    work::{Change, Reading},
};

/// An event and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Fact<'a> {
    pub(crate) event: &'a Envelope,
    /// Nothing for a type this build does not know.
    pub(crate) says: Option<TicketEvent>,
}

/// Reads every event; one that cannot be read stops the projection.
pub(crate) fn read(events: &[Envelope]) -> anyhow::Result<Vec<Fact<'_>>> {
    events.iter().map(read_one).collect()
}

/// Reads an event.
pub(crate) fn read_one(event: &Envelope) -> anyhow::Result<Fact<'_>> {
    Ok(Fact { event, says: says(event).with_context(|| place(event))? })
}

/// Where an error happened, for the log.
pub(crate) fn place(event: &Envelope) -> String {
    format!("position {}, {}", event.position, event.type_name)
}

fn says(event: &Envelope) -> anyhow::Result<Option<TicketEvent>> {
    match event.event() {
        Ok(fact) => Ok(Some(fact)),
        Err(DecodeError::UnknownType(_)) => Ok(None),
        // Its source is left out: it may quote the data, and this error is logged.
        Err(DecodeError::Malformed { .. }) => bail!("malformed data"),
    }
}

/// The keys of everybody whose personal data the read model shows in clear.
pub(crate) async fn ring(keys: &PersonalKeys, facts: &[Fact<'_>]) -> Result<KeyRing, KeyError> {
    keys.ring(facts.iter().filter_map(|fact| shown(fact.says.as_ref()?))).await
}

fn shown(fact: &TicketEvent) -> Option<&RequesterId> {
    match fact {
        TicketEvent::Submitted(data) => Some(&data.requester.id),
        TicketEvent::Analyzed(data) => Some(data.summary.requester()),
        TicketEvent::AnalysisCorrected(data) => match &data.change {
            Change::Decision { .. } => None,
            Change::Reading(Reading::Summary(summary)) => Some(summary.requester()),
            Change::Reading(Reading::Entities(entities)) => Some(entities.requester()),
        },
        _ => None,
    }
}
