//! Any other program of the stack: started without a shell, stopped in good order.

use std::{ffi::OsString, fmt, path::PathBuf, process::ExitStatus, time::Duration};

use rustix::process::Signal;

use crate::{
    error::{Error, Result},
    process::{Environment, Launch, Process},
    programs,
};

/// A service finishes what it has begun.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct ServiceSpec {
    /// For messages.
    pub name: String,
    /// The path of the program.
    pub program: PathBuf,
    /// Its arguments, as they are: no shell reads them.
    pub args: Vec<OsString>,
    /// Added to this process's environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it says is appended here.
    pub log_file: PathBuf,
}

/// A running program. Dropping it kills it.
pub struct Service {
    name: String,
    process: Process,
}

impl Service {
    /// Starts it and does not wait: see [`Service::ready_within`].
    pub fn start(spec: &ServiceSpec) -> Result<Self> {
        if !programs::is_program(&spec.program) {
            let install = "build it first".into();
            return Err(Error::Missing { program: spec.program.display().to_string(), install });
        }
        let process = Process::launch(Launch {
            name: spec.name.clone(),
            program: spec.program.clone(),
            args: spec.args.clone(),
            env: Environment::InheritedAnd(spec.env.clone()),
            user: None,
            stop_signal: Signal::TERM,
            death_signal: Signal::KILL,
            log_file: spec.log_file.clone(),
        })?;
        Ok(Self { name: spec.name.clone(), process })
    }

    /// Asks `probe` until it says yes; an error with the last lines of the log when the service ends before, or after
    /// `limit`.
    pub async fn ready_within<P, F>(&self, limit: Duration, probe: P) -> Result<()>
    where
        P: Fn() -> F,
        F: Future<Output = bool>,
    {
        self.process.ready_within(limit, || async { Ok(probe().await) }).await
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(&self) -> Option<ExitStatus> {
        self.process.ended().await
    }

    /// Its name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// SIGTERM, killed after 20 s; returns when it is gone.
    pub async fn stop(&self) -> Result<()> {
        self.process.stop(STOP_WITHIN).await
    }

    /// SIGKILL, for fault tests; returns when it is gone.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }

    /// SIGSTOP, for fault tests: it lives, holds what it holds, and does nothing until [`Service::resume`].
    pub fn pause(&self) -> Result<()> {
        self.process.send(Signal::STOP)
    }

    /// SIGCONT: it goes on where it was, and does not know that time has passed.
    pub fn resume(&self) -> Result<()> {
        self.process.send(Signal::CONT)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.process.pid();
        formatter.debug_struct("Service").field("name", &self.name).field("pid", &pid).finish_non_exhaustive()
    }
}
