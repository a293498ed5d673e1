//! What can go wrong while something is started, said so that the reader knows what to do next.

use std::{io, path::PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a server, a service or the gateway is not running.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed.
    #[error("{program} was not found. Install it: {install}")]
    Missing {
        /// The program looked for.
        program: String,
        /// The command that installs it.
        install: String,
    },
    /// A process ended although it was meant to run, or a helper program failed.
    #[error("{name} ended with {status}. The end of {}:\n{tail}", log_file.display())]
    Ended {
        /// What was started.
        name: String,
        /// How it ended, as the operating system says it.
        status: String,
        /// Where everything it said is.
        log_file: PathBuf,
        /// The last lines it wrote during this start.
        tail: String,
    },
    /// A process runs but does not answer.
    #[error("{name} was not ready after {seconds} s. The end of {}:\n{tail}", log_file.display())]
    NotReady {
        /// What was started.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// Where everything it said is.
        log_file: PathBuf,
        /// The last lines it wrote during this start.
        tail: String,
    },
    /// Somebody else listens on the port that was asked for.
    #[error("port {port}, wanted for {name}, is taken by another program: stop it or choose another port")]
    PortTaken {
        /// What was to be started.
        name: String,
        /// The port on 127.0.0.1.
        port: u16,
    },
    /// Another run of this stack holds the directory.
    #[error("{} is in use by process {holder}: stop that one first", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// Its process id as it wrote it down, or `unknown`.
        holder: String,
    },
    /// The data directory cannot be used by this user or by this server.
    #[error("{} cannot be used: {reason}", dir.display())]
    Unusable {
        /// The data directory.
        dir: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Every port tried was taken.
    #[error("no free port on 127.0.0.1 between {first} and {last}")]
    NoFreePort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The operating system refused something.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The refusal.
        source: io::Error,
    },
    /// Postgres refused something.
    #[error("cannot {doing}")]
    Database {
        /// What was attempted.
        doing: String,
        /// The refusal.
        source: sqlx::Error,
    },
}

/// Adds what was attempted to the operating system's refusal.
pub(crate) trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: doing(), source: source.into() })
    }
}
