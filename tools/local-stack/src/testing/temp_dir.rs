//! Temporary directories that are deleted even when the process that made them was killed.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use crate::{
    dir_lock::DirLock,
    error::{Doing, Result},
    postgres,
};

/// Marks the directories that may be swept.
const PREFIX: &str = "hub-test-";
/// The Postgres data in such a directory; it may be a link to where it really is.
pub(super) const POSTGRES_DIR: &str = "postgres";
const LOCK: &str = "lock";
/// A younger directory may be one that is being made and not locked yet.
const BEING_MADE: Duration = Duration::from_secs(10);

static SWEPT: Once = Once::new();

/// A directory that belongs to this process for as long as its lock is held.
#[derive(Debug)]
pub(super) struct TempDir {
    path: PathBuf,
    _lock: DirLock,
}

impl TempDir {
    /// Makes one; the first call of a process deletes those of dead processes.
    pub(super) fn create() -> Result<Self> {
        SWEPT.call_once(sweep);
        let doing = || "create a directory for test servers in the system's temporary directory".to_owned();
        // Everybody may pass through, nobody but us may list it: Postgres may run as another user.
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(PREFIX).permissions(Permissions::from_mode(0o711));
        let path = builder.tempdir().doing(doing)?.keep();
        let lock = DirLock::take(&path, &path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Deletes the directories of this user whose process is gone.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for dir in ours.map(|entry| entry.path()).filter(|dir| is_abandoned(dir)) {
        remove(&dir);
    }
}

fn is_abandoned(dir: &Path) -> bool {
    let Ok(meta) = fs::symlink_metadata(dir) else { return false };
    let ours = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
    let made = meta.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > BEING_MADE));
    ours && made && DirLock::take(dir, &dir.join(LOCK)).is_ok()
}

/// What cannot be deleted now is left to the next sweep.
fn remove(dir: &Path) {
    let data_dir = dir.join(POSTGRES_DIR);
    let data = if data_dir.is_symlink() { postgres::remove_data(&data_dir) } else { Ok(()) };
    if let Err(error) = data.and_then(|()| fs::remove_dir_all(dir).doing(|| "delete it".into())) {
        tracing::debug!(dir = %dir.display(), %error, "a temporary directory is left");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn make_old(dir: &Path) {
        let past = SystemTime::now() - 2 * BEING_MADE;
        fs::File::open(dir).unwrap().set_modified(past).unwrap();
    }

    #[test]
    fn a_directory_is_abandoned_when_its_process_is_gone_and_never_before() {
        let dir = TempDir::create().unwrap();
        make_old(dir.path());
        assert!(!is_abandoned(dir.path()), "its process lives");
        let abandoned = tempfile::tempdir().unwrap();
        assert!(!is_abandoned(abandoned.path()), "it may be in the making");
        make_old(abandoned.path());
        assert!(is_abandoned(abandoned.path()));
        let path = dir.path().to_owned();
        drop(dir);
        assert!(!path.exists());
    }
}
