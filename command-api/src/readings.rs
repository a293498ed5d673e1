//! What was read off a ticket's text, and by whom: whoever corrects a summary or entities to what they are already is told
//! so. They are sealed in the log, and so nothing that the domain could compare.

use event_store::{PersonalKeys, personal_keys::KeyError};
use schemas::{
    Envelope, EventId, Sealed, TicketEvent,
    analysis::Entity,
    work::{Change, Reading},
};
use serde::de::DeserializeOwned;
use ticket::command::Author;

/// What holds.
#[derive(Debug, Default)]
pub struct Readings {
    summary: Option<Said<String>>,
    entities: Option<Said<Vec<Entity>>>,
}

#[derive(Debug)]
struct Said<T> {
    by: Author,
    event: EventId,
    field: &'static str,
    sealed: Sealed<T>,
}

impl Readings {
    /// What holds after all these events of a ticket.
    #[must_use]
    pub fn of(stream: &[Envelope]) -> Self {
        let mut readings = Self::default();
        for envelope in stream {
            match envelope.event() {
                Ok(TicketEvent::Analyzed(data)) => {
                    let (by, event) = (Author::Analyzer, envelope.id);
                    hear(&mut readings.summary, Said { by, event, field: "summary", sealed: data.summary });
                    hear(
                        &mut readings.entities,
                        Said { by, event, field: "entities", sealed: data.entities },
                    );
                }
                Ok(TicketEvent::AnalysisCorrected(data)) => readings.correct(envelope.id, data.change),
                _ => {}
            }
        }
        readings
    }

    fn correct(&mut self, event: EventId, change: Change) {
        let (by, field) = (Author::Person, Reading::MEMBER);
        match change {
            Change::Decision { .. } => {}
            Change::Reading(Reading::Summary(sealed)) => {
                hear(&mut self.summary, Said { by, event, field, sealed });
            }
            Change::Reading(Reading::Entities(sealed)) => {
                hear(&mut self.entities, Said { by, event, field, sealed });
            }
        }
    }

    /// Whose word holds, if it is this one.
    ///
    /// # Errors
    /// When the requester's key cannot be had.
    pub async fn author_of_summary(
        &self,
        keys: &PersonalKeys,
        summary: &str,
    ) -> Result<Option<Author>, KeyError> {
        author(self.summary.as_ref(), keys, |said| said == summary).await
    }

    /// Whose word holds, if it is this one, however sure of it.
    ///
    /// # Errors
    /// When the requester's key cannot be had.
    pub async fn author_of_entities(
        &self,
        keys: &PersonalKeys,
        entities: &[Entity],
    ) -> Result<Option<Author>, KeyError> {
        author(self.entities.as_ref(), keys, |said| said.iter().map(span).eq(entities.iter().map(span))).await
    }
}

fn span(entity: &Entity) -> (usize, usize, &str, &str) {
    (entity.start, entity.end, &entity.label, &entity.text)
}

/// A person's word outlasts a later analysis.
fn hear<T>(holds: &mut Option<Said<T>>, said: Said<T>) {
    if holds.as_ref().is_none_or(|before| before.by <= said.by) {
        *holds = Some(said);
    }
}

async fn author<T: DeserializeOwned>(
    holds: Option<&Said<T>>,
    keys: &PersonalKeys,
    is_same: impl Fn(&T) -> bool,
) -> Result<Option<Author>, KeyError> {
    let Some(said) = holds else { return Ok(None) };
    match keys.open_sealed(&said.sealed, said.event, said.field).await {
        Ok(clear) => Ok(is_same(&clear).then_some(said.by)),
        // Nobody knows any more what it said. Whether something else may be said is for the sealing to find out.
        Err(KeyError::CannotOpen(_) | KeyError::Erased(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
