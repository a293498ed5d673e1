//! A service that speaks `OpenAI`'s transcription protocol: `POST /v1/audio/transcriptions`, a form with the recording and
//! the model's name, answered by `{"text": …}`. Recordings leave this machine only where somebody set this up.

use anyhow::Context as _;
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{TranscriptionError, engine::TranscriptionSettings};

/// Separates the parts of the form. No recording holds it by chance.
const BOUNDARY: &str = "smart-service-hub-5f0c1a2b3c4d5e6f708192a3b4c5d6e7";

/// What a service, or the proxy before it, answers while it cannot be asked. Any other failure may be this recording's fault.
const AWAY: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// The service.
#[derive(Debug)]
pub struct Remote {
    client: reqwest::Client,
    url: String,
    model: String,
    key: Option<SecretString>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

impl Remote {
    pub(super) fn new(settings: &TranscriptionSettings) -> anyhow::Result<Self> {
        let read = |path: &std::path::PathBuf| {
            let key = std::fs::read_to_string(path);
            key.with_context(|| format!("reading {}", path.display()))
        };
        let key = settings.transcription_key_file.as_ref().map(read).transpose()?;
        // reqwest is built without a default; another client of this process may have installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?,
            url: format!("{}/v1/audio/transcriptions", settings.transcription_url.trim_end_matches('/')),
            model: settings.transcription_model.clone(),
            key: key.map(|key| key.trim().to_owned().into()),
        })
    }

    pub(super) fn name(&self) -> String {
        format!("http/{}", self.model)
    }

    pub(super) async fn transcribe(
        &self,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<String, TranscriptionError> {
        let mut request = self
            .client
            .post(&self.url)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(form(&self.model, bytes, media_type));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        // The error names the address, which is a setting, and never the recording.
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            status if AWAY.contains(&status) => {
                return Err(TranscriptionError::Away(format!("answered {status}")));
            }
            status if !status.is_client_error() => {
                return Err(TranscriptionError::Service(format!("answered {status}")));
            }
            status => return Err(TranscriptionError::Refused(status.as_u16())),
        }
        let answer: Answer = answer.json().await.map_err(|_| {
            TranscriptionError::Service("answered something that is no transcript".to_owned())
        })?;
        Ok(answer.text)
    }
}

fn unreachable(error: &reqwest::Error) -> TranscriptionError {
    if error.is_connect() {
        return TranscriptionError::Away(format!("cannot be reached: {error}"));
    }
    // A recording may be what ends the service.
    TranscriptionError::Service(format!("did not answer: {error}"))
}

fn form(model: &str, bytes: &[u8], media_type: &str) -> Vec<u8> {
    let file_name = match media_type {
        "audio/mpeg" => "recording.mp3",
        "audio/ogg" => "recording.ogg",
        "audio/x-flac" => "recording.flac",
        "audio/m4a" => "recording.m4a",
        "video/webm" => "recording.webm",
        _ => "recording.wav",
    };
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
         Content-Type: {media_type}\r\n\r\n"
    );
    [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}
