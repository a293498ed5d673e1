//! A ticket as the log tells it, with its sealed fields opened: what a record is built from, at the moment it is sent.

use event_store::{EventStore, PersonalKeys, StoreError, personal_keys::KeyError};
use schemas::{
    Analysis, Envelope, EventId, Position, TicketEvent, TicketId, Version,
    analysis::SealedAnalysis,
    event::{CrmRecordCreated, DecodeError, TicketSubmitted},
};

use crate::zoho::record::Facts;

/// What the log says about delivering a ticket.
pub enum Dossier {
    /// To be delivered.
    Deliver(Box<Facts>),
    /// The log holds its record already: the work list was rebuilt, or is older than the log.
    Delivered(CrmRecordCreated),
    /// It cannot be delivered, ever. The reason is one of ours.
    Undeliverable(&'static str),
}

/// Why the log could not be asked; asking again may work.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(KeyError),
}

/// The events that count, still sealed.
#[derive(Default)]
struct Sheet {
    submitted: Option<(EventId, TicketSubmitted)>,
    analyzed: Option<(EventId, Box<SealedAnalysis>)>,
    delivered: Option<CrmRecordCreated>,
    position: Position,
}

impl Dossier {
    /// Reads a ticket.
    ///
    /// # Errors
    /// As [`DossierError`].
    pub async fn read(
        store: &EventStore,
        keys: &PersonalKeys,
        ticket: TicketId,
    ) -> Result<Self, DossierError> {
        let Ok(sheet) = Sheet::of(store.read_stream(ticket, Version::NONE).await?) else {
            return Ok(Self::Undeliverable("an event of the ticket cannot be read"));
        };
        if let Some(record) = sheet.delivered {
            return Ok(Self::Delivered(record));
        }
        match sheet.open(ticket, keys).await {
            Ok(Some(facts)) => Ok(Self::Deliver(Box::new(facts))),
            Ok(None) => Ok(Self::Undeliverable("the ticket was never submitted")),
            Err(KeyError::Erased(_)) => Ok(Self::Undeliverable("the requester was erased")),
            Err(KeyError::CannotOpen(_)) => Ok(Self::Undeliverable("a sealed field does not open")),
            Err(error) => Err(DossierError::Keys(error)),
        }
    }
}

impl Sheet {
    /// The latest analysis wins: the domain lets no worse one follow a better one.
    fn of(stream: Vec<Envelope>) -> Result<Self, DecodeError> {
        let mut sheet = Self::default();
        for envelope in stream {
            sheet.position = envelope.position;
            match envelope.event() {
                Ok(TicketEvent::Submitted(submitted)) => sheet.submitted = Some((envelope.id, submitted)),
                Ok(TicketEvent::Analyzed(analyzed)) => sheet.analyzed = Some((envelope.id, analyzed)),
                Ok(TicketEvent::CrmRecordCreated(record)) => sheet.delivered = Some(record),
                Ok(_) | Err(DecodeError::UnknownType(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sheet)
    }

    async fn open(self, ticket: TicketId, keys: &PersonalKeys) -> Result<Option<Facts>, KeyError> {
        let Some((id, submitted)) = self.submitted else { return Ok(None) };
        let analysis = match self.analyzed {
            Some((id, sealed)) => Some(open_analysis(keys, id, *sealed).await?),
            None => None,
        };
        Ok(Some(Facts {
            ticket,
            name: keys.open_sealed(&submitted.requester.name, id, "name").await?,
            email: keys.open_sealed(&submitted.requester.email, id, "email").await?,
            request_type: submitted.request_type,
            description: keys.open_sealed(&submitted.description, id, "description").await?,
            analysis,
            position: self.position,
        }))
    }
}

async fn open_analysis(
    keys: &PersonalKeys,
    id: EventId,
    sealed: SealedAnalysis,
) -> Result<Analysis, KeyError> {
    let entities = keys.open_sealed(&sealed.entities, id, "entities").await?;
    let summary = keys.open_sealed(&sealed.summary, id, "summary").await?;
    Ok(sealed.with_personal(entities, summary))
}
