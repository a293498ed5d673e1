//! From a valid submission to `TicketSubmitted` in the log: personal data is sealed on the way and never stored clear.

use event_store::{
    Append, AppendError, Appended, EventStore, Expected, Idempotency, NewEvent, PersonalKeys,
    personal_keys::KeyError,
};
use schemas::{
    EventId, TicketId, Version,
    envelope::Metadata,
    event::{Attachment, Requester, TicketSubmitted},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use ticket::{Command, Rejection, Ticket, decide, submission::Submission};
use ulid::Ulid;
use uuid::Uuid;

/// A submission with what came around it.
#[derive(Debug)]
pub struct Request<'a> {
    /// The valid fields.
    pub submission: &'a Submission,
    /// A recording, checked.
    pub recording: Option<Recording>,
    /// Set where the client may ask twice.
    pub idempotency: Option<Idempotency>,
    /// W3C trace context of the request.
    pub traceparent: String,
}

/// A recording that came with a ticket.
#[derive(Debug)]
pub struct Recording {
    /// The audio itself.
    pub bytes: Vec<u8>,
    /// What it is, by its content.
    pub media_type: &'static str,
}

/// Why a valid submission was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The requester's key could not be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The domain refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// The fingerprint of a request under an idempotency key: SHA-256 of its canonical JSON (fixed field order, no white
/// space), so that the same request written differently is the same request.
///
/// # Errors
/// When the body has no JSON form, which no parsed body lacks.
pub fn fingerprint(key: &str, body: &impl Serialize) -> Result<Idempotency, serde_json::Error> {
    let canonical = serde_json::to_vec(body)?;
    Ok(Idempotency { key: key.to_owned(), body_hash: Sha256::digest(canonical).into() })
}

/// Seals, decides and appends; when it returns, the ticket is durable.
///
/// # Errors
/// As [`IntakeError`].
pub async fn accept(
    store: &EventStore,
    keys: &PersonalKeys,
    request: Request<'_>,
) -> Result<Appended, IntakeError> {
    let ticket = TicketId::new(Ulid::generate());
    let id = EventId::new(Uuid::now_v7());
    let submitted = seal(keys, id, request.submission, request.recording).await?;
    let metadata = Metadata {
        correlationid: id,
        causationid: None,
        traceparent: Some(request.traceparent),
        actor: "anonymous".to_owned(),
    };
    let decided = decide(&Ticket::default(), Command::Submit(submitted))?;
    let append = Append {
        ticket,
        expected: Expected::Exactly(Version::NONE),
        events: decided.into_iter().map(|event| NewEvent { id, event, metadata: metadata.clone() }).collect(),
        idempotency: request.idempotency,
    };
    Ok(store.append(append).await?)
}

async fn seal(
    keys: &PersonalKeys,
    id: EventId,
    submission: &Submission,
    recording: Option<Recording>,
) -> Result<TicketSubmitted, KeyError> {
    let requester = keys.requester_id(&submission.email);
    let mut attachments = vec![];
    if let Some(recording) = recording {
        attachments.push(Attachment {
            kind: "audio".to_owned(),
            media_type: recording.media_type.to_owned(),
            bytes: recording.bytes.len() as u64,
            sha256: keys.keep_attachment(&requester, &recording.bytes).await?,
        });
    }
    Ok(TicketSubmitted {
        description: keys.seal(&requester, id, "description", &submission.description).await?,
        requester: Requester {
            name: keys.seal(&requester, id, "name", &submission.name).await?,
            email: keys.seal(&requester, id, "email", &submission.email).await?,
            id: requester,
        },
        request_type: submission.request_type.clone(),
        attachments,
    })
}
