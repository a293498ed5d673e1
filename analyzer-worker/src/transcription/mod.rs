//! Recordings to text: the second stage on the log. A ticket that came with a recording is analyzed by what is written in it
//! at once; when the recording is written down, the ticket is analyzed again with both.
//!
//! - here: the stage
//! - [`engine`]: what writes recordings down
//! - `pocketsphinx`: a local program
//! - `remote`: a service that speaks `OpenAI`'s transcription protocol

pub mod engine;
mod pocketsphinx;
mod remote;

use std::time::{Duration, Instant};

use event_store::{EventStore, PersonalKeys, Stamp, handle::HandleError, personal_keys::KeyError};
use schemas::{
    Envelope, TicketEvent,
    event::{Attachment, DecodeError, TicketSubmitted, TicketTranscribed},
};
use subscription::{Fate, Reaction};
use ticket::{Command, Rejection, decide, evolve};
use tokio::sync::watch;

pub use engine::{Transcriber, TranscriptionError};

/// Name of the stage.
pub const STAGE: &str = "transcriber";
const ACTOR: &str = "system:transcriber";
/// Before trying again.
const PAUSE: Duration = Duration::from_secs(30);
/// Characters kept of a transcript: ten minutes of speech.
const MAX_CHARACTERS: usize = 10_000;

/// Writes recordings down.
pub struct TranscriptionStage {
    store: EventStore,
    keys: PersonalKeys,
    transcriber: Transcriber,
    outage: Outage,
}

/// What keeps recordings from being written down, for whoever asks how the service is. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outage(watch::Sender<Option<String>>);

impl Outage {
    /// Why no recording is written down, if so; fit for a public answer.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// An outcome tells: what refuses one recording is there.
    fn note<T>(&self, outcome: &Result<T, TranscriptionError>) {
        self.0.send_replace(outcome.as_ref().err().and_then(TranscriptionError::outage));
    }
}

/// Why a recording was not written down. None of the messages quotes it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the recording cannot be had: {0}")]
    Keys(#[from] KeyError),
    #[error("no recording is kept under its hash")]
    Missing,
    #[error(transparent)]
    Transcription(#[from] TranscriptionError),
    #[error("the transcript cannot be appended: {0}")]
    Append(#[from] HandleError<Rejection>),
}

impl TranscriptionStage {
    /// A stage that reads and writes this log.
    #[must_use]
    pub fn new(store: EventStore, keys: PersonalKeys, transcriber: Transcriber) -> Self {
        let outage = Outage(watch::Sender::new(transcriber.missing()));
        Self { store, keys, transcriber, outage }
    }

    /// What keeps it from working.
    #[must_use]
    pub fn outage(&self) -> Outage {
        self.outage.clone()
    }

    async fn handle(&self, envelope: &Envelope) -> Fate {
        match self.transcribe_all(envelope).await {
            // Erased meanwhile: there is nothing left to write down.
            Ok(()) | Err(Failure::Keys(KeyError::Erased(_))) => Fate::Done,
            Err(failure @ (Failure::Malformed(_) | Failure::Missing)) => Fate::Park(failure.to_string()),
            Err(Failure::Transcription(error)) if !error.may_pass() => Fate::Park(error.to_string()),
            // Waiting for a program or a service is no attempt at this recording.
            Err(Failure::Transcription(error)) if error.outage().is_some() => {
                Fate::Postpone(PAUSE, error.to_string())
            }
            Err(failure) => Fate::RetryAfter(PAUSE, failure.to_string()),
        }
    }

    async fn transcribe_all(&self, envelope: &Envelope) -> Result<(), Failure> {
        let TicketEvent::Submitted(submitted) = envelope.event()? else { return Ok(()) };
        for recording in submitted.attachments.iter().filter(|attachment| attachment.kind == "audio") {
            self.transcribe(envelope, &submitted, recording).await?;
        }
        Ok(())
    }

    async fn transcribe(
        &self,
        envelope: &Envelope,
        submitted: &TicketSubmitted,
        recording: &Attachment,
    ) -> Result<(), Failure> {
        let (requester, started) = (&submitted.requester.id, Instant::now());
        let bytes = self.keys.attachment(requester, &recording.sha256).await?.ok_or(Failure::Missing)?;
        let heard = self.transcriber.transcribe(&bytes, &recording.media_type).await;
        self.outage.note(&heard);
        let text = heard?;
        let text: String = text.trim().chars().take(MAX_CHARACTERS).collect();
        let id = envelope.id.derive(&format!("transcript/{}", recording.sha256));
        let transcript = TicketTranscribed {
            sha256: recording.sha256.clone(),
            text: self.keys.seal_for_known(requester, id, "text", &text).await?,
            engine: self.transcriber.name(),
            duration_ms: started.elapsed().as_millis() as u32,
        };
        let stamp = Stamp::new(id, envelope.metadata.caused_by(envelope.id, ACTOR));
        let record = |state: &_| decide(state, Command::RecordTranscript(transcript.clone()));
        self.store.handle(envelope.subject, stamp, evolve, record).await?;
        Ok(())
    }
}

impl Reaction for TranscriptionStage {
    fn concerns(&self, type_name: &str) -> bool {
        type_name == "hub.ticket.submitted.v1"
    }

    async fn react(&self, events: &[Envelope]) -> Vec<Fate> {
        // One by one: a transcription takes whole cores.
        let mut fates = Vec::with_capacity(events.len());
        for event in events {
            fates.push(self.handle(event).await);
        }
        fates
    }
}
