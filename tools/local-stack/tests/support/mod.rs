//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A directory deleted at the end of the test.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    /// One that every user may pass through.
    pub(crate) fn new() -> Self {
        Self::with_mode(0o755)
    }

    /// One for this user alone.
    pub(crate) fn private() -> Self {
        Self::with_mode(0o700)
    }

    fn with_mode(mode: u32) -> Self {
        Self(tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The text of an error, without the success having to be printable.
pub(crate) trait Swallow {
    fn swallow(self) -> String;
}

impl<T, E: std::error::Error> Swallow for Result<T, E> {
    fn swallow(self) -> String {
        self.err().unwrap().to_string()
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn we_are_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Waits until nobody listens; the test runner's own limit ends a wait that never does.
pub(crate) async fn nobody_listens(address: SocketAddr) {
    while local_stack::ports::is_listening(address) {
        tokio::task::yield_now().await;
    }
}
