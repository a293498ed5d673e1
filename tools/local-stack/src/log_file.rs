//! The file that takes what a child process says, and its last lines for error messages.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::error::{Doing, Result};

/// As many lines as a person reads in an error message.
const TAIL_LINES: usize = 15;
/// Enough bytes for that many lines.
const TAIL_BYTES: u64 = 16 * 1024;

/// A log file that runs are appended to.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    /// Where this run began: the tail must not show the complaints of an earlier one.
    start: u64,
}

impl LogFile {
    /// Opens the log for one more run and creates its directory; returns the child's stdout and stderr.
    pub(crate) fn open(path: &Path) -> Result<(Self, Stdio, Stdio)> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
        }
        let doing = || format!("open the log file {}", path.display());
        let file = OpenOptions::new().create(true).append(true).open(path).doing(doing)?;
        let start = file.metadata().doing(doing)?.len();
        let stderr = file.try_clone().doing(doing)?;
        Ok((Self { path: path.to_owned(), start }, file.into(), stderr.into()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines of this run; empty when there are none or they cannot be read.
    pub(crate) fn tail(&self) -> String {
        let text = self.read_end().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn read_end(&self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES).max(self.start);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut end)?;
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_tail_shows_the_last_lines_of_this_run_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/x.log");
        LogFile::open(&path).unwrap();
        std::fs::write(&path, "an earlier run\n").unwrap();
        let (log, _, _) = LogFile::open(&path).unwrap();
        assert_eq!(log.tail(), "");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        for line in 1..=20 {
            writeln!(file, "line {line}").unwrap();
        }
        assert!(log.tail().starts_with("line 6\n") && log.tail().ends_with("line 20"), "{}", log.tail());
    }
}
