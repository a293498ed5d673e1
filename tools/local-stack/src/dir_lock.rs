//! One run per data directory: a lock the kernel gives back however the holder ends.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Doing, Error, Result};

/// Holds a directory for as long as it lives.
#[derive(Debug)]
pub(crate) struct DirLock {
    file: File,
}

impl DirLock {
    /// Takes the lock of `dir` by its lock file, or says who holds it.
    pub(crate) fn take(dir: &Path, lock_file: &Path) -> Result<Self> {
        if let Some(parent) = lock_file.parent() {
            std::fs::create_dir_all(parent).doing(|| format!("create {}", parent.display()))?;
        }
        let doing = || format!("open the lock file {}", lock_file.display());
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(lock_file)
            .doing(doing)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Error::InUse { dir: dir.to_owned(), holder: holder(&mut file) });
        }
        file.set_len(0).doing(doing)?;
        write!(file, "{}", std::process::id()).doing(doing)?;
        Ok(Self { file })
    }
}

impl Drop for DirLock {
    /// Closing the file would leave the lock with every child that was forked meanwhile and has not become its program yet.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The process id in the lock file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(1..) => text,
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_once_and_given_back_on_drop() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lock");
        let held = DirLock::take(dir.path(), &file).unwrap();
        let refused = DirLock::take(dir.path(), &file).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(held);
        DirLock::take(dir.path(), &file).unwrap();
    }

    #[test]
    fn it_is_given_back_while_a_child_that_is_being_started_has_the_file_open() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lock");
        let held = DirLock::take(dir.path(), &file).unwrap();
        // What a child has between fork and exec.
        let _inherited = held.file.try_clone().unwrap();
        drop(held);
        DirLock::take(dir.path(), &file).unwrap();
    }
}
