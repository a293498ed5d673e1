//! What an attached recording must be: base64 of a sound file, told by its content, of at most 10 MiB.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ticket::submission::Violation;

use crate::intake::Recording;

/// Bytes of the recording itself.
const AUDIO_LIMIT: usize = 10 * 1024 * 1024;
/// Bytes of a body with a recording: base64 grows by a third, and the other fields need room.
pub const BODY_LIMIT: usize = AUDIO_LIMIT / 3 * 4 + 64 * 1024;

/// Reads the field.
///
/// # Errors
/// The violation to tell the client.
pub fn parse(base64: &str) -> Result<Recording, Violation> {
    let wrong = |problem: &str| Violation { field: "audioBase64", problem: problem.to_owned() };
    let bytes = STANDARD.decode(base64.trim()).map_err(|_| wrong("must be base64"))?;
    if bytes.len() > AUDIO_LIMIT {
        return Err(wrong("must be at most 10 MiB of audio"));
    }
    let kind =
        infer::get(&bytes).filter(|kind| kind.matcher_type() == infer::MatcherType::Audio || is_webm(*kind));
    let kind =
        kind.ok_or_else(|| wrong("must be a sound file: WAV, MP3, OGG, FLAC, M4A, AAC, AIFF or WebM"))?;
    Ok(Recording { bytes, media_type: kind.mime_type() })
}

/// What browsers record is WebM, which is a container for video too.
fn is_webm(kind: infer::Type) -> bool {
    kind.mime_type() == "video/webm"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav() -> Vec<u8> {
        [b"RIFF\x24\0\0\0WAVEfmt ".as_slice(), &[0; 28]].concat()
    }

    #[test]
    fn a_recording_is_known_by_its_content() {
        let recording = parse(&STANDARD.encode(wav())).unwrap();
        assert_eq!((recording.media_type, recording.bytes), ("audio/x-wav", wav()));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for text in
            ["", "not base64!", &STANDARD.encode(b"\x89PNG\r\n\x1a\n0000"), &STANDARD.encode(b"plain words")]
        {
            assert_eq!(parse(text).unwrap_err().field, "audioBase64");
        }
    }

    #[test]
    fn a_recording_beyond_the_limit_is_refused() {
        let mut bytes = wav();
        bytes.resize(AUDIO_LIMIT + 1, 0);
        assert!(parse(&STANDARD.encode(bytes)).unwrap_err().problem.contains("10 MiB"));
    }
}
