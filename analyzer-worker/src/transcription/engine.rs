//! What writes recordings down.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{pocketsphinx::Pocketsphinx, remote::Remote};

/// The longest a recording may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// Which transcriber, and how it is reached.
#[derive(Clone, Debug, Args)]
pub struct TranscriptionSettings {
    /// What writes recordings down; without one they are kept and not read
    #[arg(long, env = "ANALYZER_TRANSCRIBER", value_enum, default_value_t = TranscriberChoice::None)]
    pub transcriber: TranscriberChoice,
    /// With `http`, the address that /v1/audio/transcriptions is appended to
    #[arg(long, env = "ANALYZER_TRANSCRIPTION_URL", default_value = "http://127.0.0.1:8000")]
    pub transcription_url: String,
    /// With `http`, the model to ask for
    #[arg(long, env = "ANALYZER_TRANSCRIPTION_MODEL", default_value = "whisper-1")]
    pub transcription_model: String,
    /// With `http`, a file with the key to show, if one is needed
    #[arg(long, env = "ANALYZER_TRANSCRIPTION_KEY_FILE")]
    pub transcription_key_file: Option<PathBuf>,
}

/// The transcribers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriberChoice {
    /// None
    None,
    /// The program `pocketsphinx_continuous` of this machine, with `ffmpeg` or `sox` in front of it
    Pocketsphinx,
    /// A service that speaks `OpenAI`'s protocol
    Http,
}

/// Why a recording was not written down. None of the messages quotes it.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptionError {
    /// A program is not installed.
    #[error("{0} is not installed")]
    Missing(&'static str),
    /// A program did not do its work.
    #[error("{program} failed: {problem}")]
    Failed {
        /// Which.
        program: &'static str,
        /// How.
        problem: String,
    },
    /// The recording cannot be decoded.
    #[error("the recording cannot be decoded")]
    Undecodable,
    /// The service is not there, or says that it cannot be asked now.
    #[error("the transcription service {0}")]
    Away(String),
    /// The service did not answer as it should.
    #[error("the transcription service {0}")]
    Service(String),
    /// The service does not want this recording.
    #[error("the transcription service refused the recording: {0}")]
    Refused(u16),
    /// It took too long.
    #[error("no transcript within {} s", PATIENCE.as_secs())]
    TooSlow,
}

impl TranscriptionError {
    /// What is missing, whatever the recording; fit for a public answer.
    #[must_use]
    pub fn outage(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some(self.to_string()),
            // What the error says names an address.
            Self::Away(_) => Some("the transcription service cannot be reached".to_owned()),
            _ => None,
        }
    }

    /// Whether the same recording may be written down later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::Undecodable | Self::Refused(_))
    }
}

/// Writes recordings down.
#[derive(Debug)]
pub enum Transcriber {
    /// On this machine.
    Local(Pocketsphinx),
    /// Elsewhere.
    Remote(Remote),
}

impl Transcriber {
    /// The one that was chosen; none where none was.
    ///
    /// # Errors
    /// When its key cannot be read.
    pub fn new(settings: &TranscriptionSettings) -> anyhow::Result<Option<Self>> {
        Ok(match settings.transcriber {
            TranscriberChoice::None => None,
            TranscriberChoice::Pocketsphinx => Some(Self::Local(Pocketsphinx)),
            TranscriberChoice::Http => Some(Self::Remote(Remote::new(settings)?)),
        })
    }

    /// What is missing on this machine, before any recording came; fit for a public answer.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Local(_) => Pocketsphinx::missing().map(|program| format!("{program} is not installed")),
            Self::Remote(_) => None,
        }
    }

    /// Its name in events.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Local(_) => "pocketsphinx".to_owned(),
            Self::Remote(remote) => remote.name(),
        }
    }

    /// What is said in a recording.
    pub async fn transcribe(&self, bytes: &[u8], media_type: &str) -> Result<String, TranscriptionError> {
        let work = async {
            match self {
                Self::Local(program) => program.transcribe(bytes).await,
                Self::Remote(service) => service.transcribe(bytes, media_type).await,
            }
        };
        tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(TranscriptionError::TooSlow))
    }
}
