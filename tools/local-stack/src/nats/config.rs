//! The configuration file of a private nats-server.

use std::{fs, path::PathBuf};

use crate::error::{Doing, Result};

/// The directory that nats-server makes inside its store directory.
pub(super) const JETSTREAM_DIR: &str = "jetstream";

/// What the file says.
pub(super) struct Config {
    pub(super) port: u16,
    pub(super) monitor_port: u16,
    /// Sync every message to disk before it is acknowledged.
    pub(super) fsync_before_ack: bool,
    /// Absolute.
    pub(super) store_dir: PathBuf,
}

/// nats-server 2.9 knows no `sync_interval` and refuses to start with an unknown field.
pub(super) fn can_fsync_before_ack(version: &[u32]) -> bool {
    version >= [2, 10].as_slice()
}

impl Config {
    /// Writes the file and returns its path.
    pub(super) fn write(&self) -> Result<PathBuf> {
        let file = self.store_dir.join("nats-server.conf");
        fs::write(&file, self.text()).doing(|| format!("write {}", file.display()))?;
        Ok(file)
    }

    fn text(&self) -> String {
        let Self { port, monitor_port, .. } = self;
        // The path may hold a space or a quote; the format's escapes are those of a Rust string.
        let store_dir = format!("{:?}", self.store_dir.to_string_lossy());
        let sync = if self.fsync_before_ack { "\n  sync_interval: always" } else { "" };
        format!(
            "# Written at every start.\n\
             server_name: smart-service-hub\n\
             listen: \"127.0.0.1:{port}\"\n\
             http: \"127.0.0.1:{monitor_port}\"\n\
             jetstream {{\n  store_dir: {store_dir}{sync}\n}}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_synced_before_the_ack_where_the_server_can() {
        assert!(!can_fsync_before_ack(&[2, 9, 10]));
        assert!(can_fsync_before_ack(&[2, 10]) && can_fsync_before_ack(&[2, 12, 1]));
        assert!(!can_fsync_before_ack(&[]), "an unreadable version gets the file that every version accepts");
        let config = |fsync_before_ack| {
            Config { port: 1, monitor_port: 2, fsync_before_ack, store_dir: "/a b".into() }.text()
        };
        assert!(config(true).contains("store_dir: \"/a b\"\n  sync_interval: always\n}"), "{}", config(true));
        assert!(!config(false).contains("sync_interval"), "{}", config(false));
    }
}
