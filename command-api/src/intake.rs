//! From a valid submission to `TicketSubmitted` in the log: personal data is sealed on the way and never stored clear.

use event_store::{
    Append, AppendError, Appended, EventStore, Expected, Idempotency, KeyDraft, NewEvent, PersonalKeys,
    personal_keys::KeyError,
};
use schemas::{
    EventId, RequesterId, TicketId, Version,
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
    let Request { submission, recording, idempotency, traceparent } = request;
    let requester = keys.requester_id(&submission.email);
    let attachments = keep(keys, &requester, recording).await?;
    let intake = Intake { ticket: TicketId::new(Ulid::generate()), requester, submission, attachments };
    let mut key = keys.draft(&intake.requester)?;
    // Again for a master key that was replaced, and for a requester whose key this process did not know: then both are
    // right.
    for _ in 0..3 {
        let append = intake.append(&key, &traceparent, idempotency.clone())?;
        match store.append_sealed(append, &key).await {
            Err(AppendError::OtherKey { wrapped }) => key = keys.adopt(&intake.requester, &wrapped)?,
            Err(AppendError::OtherMasterKey) => {
                keys.look_again().await?;
                key = keys.draft(&intake.requester)?;
            }
            Ok(appended) => {
                // A replayed answer says nothing about the key.
                if !appended.replayed {
                    key.confirm();
                }
                return Ok(appended);
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Erased and made anew meanwhile: the client may ask again.
    Err(AppendError::Unavailable(None).into())
}

/// A ticket on its way into the log.
struct Intake<'a> {
    ticket: TicketId,
    requester: RequesterId,
    submission: &'a Submission,
    attachments: Vec<Attachment>,
}

impl Intake<'_> {
    fn append(
        &self,
        key: &KeyDraft,
        traceparent: &str,
        idempotency: Option<Idempotency>,
    ) -> Result<Append, IntakeError> {
        let id = EventId::new(Uuid::now_v7());
        let decided = decide(&Ticket::default(), Command::Submit(self.seal(key, id)?))?;
        let metadata = Metadata {
            correlationid: id,
            causationid: None,
            traceparent: Some(traceparent.to_owned()),
            actor: "anonymous".to_owned(),
        };
        let events = decided.into_iter().map(|event| NewEvent { id, event, metadata: metadata.clone() });
        Ok(Append {
            ticket: self.ticket,
            expected: Expected::Exactly(Version::NONE),
            events: events.collect(),
            idempotency,
        })
    }

    fn seal(&self, key: &KeyDraft, id: EventId) -> Result<TicketSubmitted, KeyError> {
        Ok(TicketSubmitted {
            description: key.seal(id, "description", &self.submission.description)?,
            requester: Requester {
                name: key.seal(id, "name", &self.submission.name)?,
                email: key.seal(id, "email", &self.submission.email)?,
                id: self.requester.clone(),
            },
            request_type: self.submission.request_type.clone(),
            attachments: self.attachments.clone(),
        })
    }
}

async fn keep(
    keys: &PersonalKeys,
    requester: &RequesterId,
    recording: Option<Recording>,
) -> Result<Vec<Attachment>, KeyError> {
    let Some(recording) = recording else { return Ok(vec![]) };
    Ok(vec![Attachment {
        kind: "audio".to_owned(),
        media_type: recording.media_type.to_owned(),
        bytes: recording.bytes.len() as u64,
        sha256: keys.keep_attachment(requester, &recording.bytes).await?,
    }])
}
