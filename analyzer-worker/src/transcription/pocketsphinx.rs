//! pocketsphinx on this machine. Both programs are fed through a private folder that is deleted afterwards: the recording is
//! in clear text on disk for as long as the transcription takes.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use super::TranscriptionError;

const RECOGNIZER: &str = "pocketsphinx_continuous";
/// The recognizer hears words in a silence of zeros, so it adds faint noise: always the same, or the same recording would
/// say something else every time.
const NOISE: [&str; 4] = ["-dither", "yes", "-seed", "1"];
/// Programs that decode recordings, and their arguments around the two file names. They add no noise of their own.
const DECODERS: [(&str, &[&str], &[&str]); 2] = [
    ("ffmpeg", &["-nostdin", "-v", "error", "-i"], &["-ac", "1", "-ar", "16000", "-sample_fmt", "s16"]),
    ("sox", &["-D"], &["-b", "16", "-c", "1", "-r", "16000"]),
];

const NO_DECODER: &str = "a decoder (ffmpeg or sox)";

/// The program.
#[derive(Clone, Copy, Debug)]
pub struct Pocketsphinx;

impl Pocketsphinx {
    /// What is not installed of what it needs.
    pub(super) fn missing() -> Option<&'static str> {
        let is_missing = |program: &str| !is_installed(program);
        if is_missing(RECOGNIZER) {
            return Some(RECOGNIZER);
        }
        DECODERS.iter().all(|(program, ..)| is_missing(program)).then_some(NO_DECODER)
    }

    pub(super) async fn transcribe(self, bytes: &[u8]) -> Result<String, TranscriptionError> {
        let failed = |error: std::io::Error| TranscriptionError::Failed {
            program: RECOGNIZER,
            problem: error.kind().to_string(),
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let (recording, wave) = (folder.path().join("recording"), folder.path().join("16k.wav"));
        tokio::fs::write(&recording, bytes).await.map_err(failed)?;
        decode(&recording, &wave).await?;
        let mut recognizer = Command::new(RECOGNIZER);
        recognizer.arg("-infile").arg(&wave).args(NOISE).args(["-logfn", "/dev/null"]);
        let said = output(RECOGNIZER, &mut recognizer).await?;
        let said = said.ok_or_else(|| TranscriptionError::Failed {
            program: RECOGNIZER,
            problem: "it ended with an error".to_owned(),
        })?;
        Ok(said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(". "))
    }
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// To what the recognizer was trained on: one channel, 16 kHz, 16 bits.
async fn decode(recording: &Path, wave: &Path) -> Result<(), TranscriptionError> {
    for (program, before, after) in DECODERS {
        let mut decoder = Command::new(program);
        decoder.args(before).arg(recording).args(after).arg(wave);
        match output(program, &mut decoder).await {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => return Err(TranscriptionError::Undecodable),
            Err(TranscriptionError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(TranscriptionError::Missing(NO_DECODER))
}

/// What a program prints; none where it says that it failed. It ends with this future.
async fn output(program: &'static str, command: &mut Command) -> Result<Option<String>, TranscriptionError> {
    let ended = command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output().await;
    match ended {
        Ok(ended) if ended.status.success() => Ok(Some(String::from_utf8_lossy(&ended.stdout).into_owned())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(TranscriptionError::Missing(program))
        }
        Err(error) => Err(TranscriptionError::Failed { program, problem: error.kind().to_string() }),
    }
}
