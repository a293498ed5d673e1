//! The optional file that carries records, ids and tokens over a restart.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{ids::Ids, store::Record, tokens::Tokens};

/// What is saved: borrowed when written, owned when read.
#[derive(Serialize)]
pub(crate) struct Saving<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) tokens: &'a Tokens,
    pub(crate) records: Vec<&'a Record>,
}

/// See [`Saving`].
#[derive(Deserialize)]
pub(crate) struct Saved {
    pub(crate) ids: Ids,
    pub(crate) tokens: Tokens,
    pub(crate) records: Vec<Record>,
}

/// Reads the file; `None` when there is none yet.
pub(crate) fn read(path: &Path) -> io::Result<Option<Saved>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file: a reader, or a restart after a kill, finds the old state or the new one, never a part.
pub(crate) fn write(path: &Path, state: &Saving<'_>) -> io::Result<()> {
    let draft = draft_of(path);
    // Records carry personal data: nobody else on the machine needs to read them.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer(&mut writer, state)?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    fs::rename(draft, path)
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".draft");
    name.into()
}
