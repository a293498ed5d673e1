//! A ticket's text as the model reads it: what was written, and below it what was said in recordings that have been
//! written down by then. Offsets of entities count through both: `schemas::analysis::Entity` promises how they are joined.

use event_store::{EventStore, PersonalKeys, StoreError, personal_keys::KeyError};
use schemas::{
    Envelope, EventId, RequesterId, TicketEvent, TicketId, Version,
    event::{DecodeError, TicketSubmitted},
};

use crate::engine::Request;

/// What is to be analyzed of a ticket.
#[derive(Clone, Debug)]
pub struct TicketText {
    /// Whose ticket it is.
    pub requester: RequesterId,
    /// Text and form.
    pub request: Request,
    /// The version of the ticket it was read at, where later events may add to it.
    pub version: Option<Version>,
}

/// Why a ticket cannot be read. None of the messages quotes it.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableTicket {
    /// An event does not fit its type.
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// Nothing else can be read without it.
    #[error("the ticket does not begin with its submission")]
    NoSubmission,
    /// Its requester's key is not to be had.
    #[error("the personal data cannot be had: {0}")]
    Keys(#[from] KeyError),
    /// The log failed.
    #[error("the ticket cannot be read: {0}")]
    Load(#[from] StoreError),
}

/// Reads the text that `envelope`, a submission, begins with, and whatever belongs to it.
pub async fn of_submission(
    store: &EventStore,
    keys: &PersonalKeys,
    envelope: &Envelope,
    submitted: TicketSubmitted,
) -> Result<TicketText, UnreadableTicket> {
    if submitted.attachments.is_empty() {
        let request = open(keys, envelope.id, &submitted).await?;
        return Ok(TicketText { requester: submitted.requester.id, request, version: None });
    }
    of_ticket(store, keys, envelope.subject).await
}

/// Reads the text of a ticket as it is now.
pub async fn of_ticket(
    store: &EventStore,
    keys: &PersonalKeys,
    ticket: TicketId,
) -> Result<TicketText, UnreadableTicket> {
    of_stream(keys, &store.read_stream(ticket, Version::NONE).await?).await
}

/// The text of a ticket after these events of it.
pub async fn of_stream(keys: &PersonalKeys, stream: &[Envelope]) -> Result<TicketText, UnreadableTicket> {
    let first = stream.first().ok_or(UnreadableTicket::NoSubmission)?;
    let TicketEvent::Submitted(submitted) = first.event()? else {
        return Err(UnreadableTicket::NoSubmission);
    };
    let mut request = open(keys, first.id, &submitted).await?;
    for event in stream.iter().filter(|event| event.type_name == "hub.ticket.transcribed.v1") {
        let TicketEvent::Transcribed(transcript) = event.event()? else { continue };
        let said = keys.open_sealed(&transcript.text, event.id, "text").await?;
        request.description = format!("{}\n\n{said}", request.description);
    }
    let version = stream.last().map(|event| event.version);
    Ok(TicketText { requester: submitted.requester.id, request, version })
}

async fn open(keys: &PersonalKeys, id: EventId, submitted: &TicketSubmitted) -> Result<Request, KeyError> {
    let description = keys.open_sealed(&submitted.description, id, "description").await?;
    Ok(Request { description, request_type: submitted.request_type.clone() })
}
