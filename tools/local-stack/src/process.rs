//! A child process: started, watched, stopped.

use std::{
    ffi::OsString,
    future::Future,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{sync::watch, time};

use crate::{
    error::{Doing, Error, Result},
    keeper,
    log_file::LogFile,
    unprivileged::User,
};

/// Between two questions whether a process is ready.
const PROBE_PAUSE: Duration = Duration::from_millis(20);
/// One question may not take longer: a port can accept and then stay silent.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// What to start and how.
pub(crate) struct Launch {
    /// For messages.
    pub(crate) name: String,
    /// Absolute, or found in PATH.
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Environment,
    /// Who runs it; `None`: whoever runs this process.
    pub(crate) user: Option<User>,
    /// Asks it to end in good order.
    pub(crate) stop_signal: Signal,
    /// Sent by the kernel when this process dies, and by us when the handle is dropped.
    pub(crate) death_signal: Signal,
    /// Takes stdout and stderr.
    pub(crate) log_file: PathBuf,
}

/// The environment variables of a child.
pub(crate) enum Environment {
    /// PATH and a fixed locale alone: a `PGOPTIONS` of the caller must not change a private server.
    Bare,
    /// This process's own, and these.
    InheritedAnd(Vec<(OsString, OsString)>),
}

/// A child process. Dropping the handle sends it its death signal.
pub(crate) struct Process {
    name: String,
    pid: Pid,
    shared: Arc<Shared>,
    log: LogFile,
    stop_signal: Signal,
    death_signal: Signal,
}

/// What the handle and the thread that waits for the child's end share.
struct Shared {
    /// The lock keeps the pid valid: the child is reaped, and signals are sent, under it only.
    child: Mutex<Child>,
    ended: watch::Sender<Option<ExitStatus>>,
}

impl Shared {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Starts it. The caller finds out with [`Process::ready_within`] whether it lives.
    pub(crate) fn launch(launch: Launch) -> Result<Self> {
        let (log, stdout, stderr) = LogFile::open(&launch.log_file)?;
        let mut command = command_for(&launch);
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = keeper::spawn(command)
            .doing(|| format!("start {} with setpriv (of the package util-linux)", launch.name))?;
        let pid = Pid::from_child(&child);
        let shared = Arc::new(Shared { child: Mutex::new(child), ended: watch::Sender::new(None) });
        watch_end(pid, Arc::clone(&shared)).doing(|| format!("watch {}", launch.name))?;
        let Launch { name, stop_signal, death_signal, .. } = launch;
        tracing::debug!(name, pid = pid.as_raw_pid(), "started");
        Ok(Self { name, pid, shared, log, stop_signal, death_signal })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.shared.ended.borrow().is_none()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.shared.ended.subscribe();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Waits for the end of a program that does its work and ends; an error unless it succeeded.
    pub(crate) async fn succeeded(&self) -> Result<()> {
        match self.ended().await {
            Some(status) if status.success() => Ok(()),
            status => Err(self.ended_with(status)),
        }
    }

    /// Asks `probe` again and again until it says yes (`Ok(true)`), it gives up (`Err`), the process ends or `limit`
    /// is over.
    pub(crate) async fn ready_within<P, F>(&self, limit: Duration, probe: P) -> Result<()>
    where
        P: Fn() -> F,
        F: Future<Output = Result<bool>>,
    {
        let asking = async {
            while !time::timeout(PROBE_LIMIT, probe()).await.unwrap_or(Ok(false))? {
                time::sleep(PROBE_PAUSE).await;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            status = self.ended() => Err(self.ended_with(status)),
            answer = time::timeout(limit, asking) => answer.unwrap_or_else(|_| Err(self.not_ready(limit))),
        }
    }

    /// Asks it to end, waits up to `patience`, then kills it; returns when it is gone.
    pub(crate) async fn stop(&self, patience: Duration) -> Result<()> {
        self.send(self.stop_signal)?;
        if time::timeout(patience, self.ended()).await.is_err() {
            tracing::warn!(name = self.name, seconds = patience.as_secs(), "did not stop in time: killed");
            self.kill().await?;
        }
        Ok(())
    }

    /// Kills it at once (SIGKILL) and returns when it is gone.
    pub(crate) async fn kill(&self) -> Result<()> {
        self.send(Signal::KILL)?;
        self.ended().await;
        Ok(())
    }

    /// Sends a signal unless the process has ended.
    pub(crate) fn send(&self, signal: Signal) -> Result<()> {
        let doing = || format!("send a signal to {}", self.name);
        let mut child = self.shared.child();
        match child.try_wait().doing(doing)? {
            Some(_) => Ok(()),
            None => kill_process(self.pid, signal).doing(doing),
        }
    }

    fn ended_with(&self, status: Option<ExitStatus>) -> Error {
        let status = status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string());
        let (log_file, tail) = (self.log.path().to_owned(), self.log.tail());
        Error::Ended { name: self.name.clone(), status, log_file, tail }
    }

    fn not_ready(&self, limit: Duration) -> Error {
        let (log_file, tail) = (self.log.path().to_owned(), self.log.tail());
        Error::NotReady { name: self.name.clone(), seconds: limit.as_secs(), log_file, tail }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.send(self.death_signal) {
            tracing::warn!(%error, "a process may be left behind");
        }
    }
}

/// `setpriv` sets the parent-death signal, changes the user where asked, and becomes the program (same pid).
fn command_for(launch: &Launch) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig").arg(signal_name(launch.death_signal));
    if let Some(user) = &launch.user {
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        command.args(["--reuid", &uid, "--regid", &gid, "--clear-groups"]);
    }
    command.arg("--").arg(&launch.program).args(&launch.args);
    match &launch.env {
        Environment::InheritedAnd(env) => {
            command.envs(env.iter().map(|(name, value)| (name, value)));
        }
        Environment::Bare => {
            let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
            command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8");
            // Neither the caller's directory nor its being deleted concerns a server.
            command.current_dir("/");
        }
    }
    command
}

/// The names `setpriv` knows, of the death signals used here.
fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        _ => "KILL",
    }
}

/// One small thread per child waits for its end, leaves the zombie in place until it holds the lock, and reaps it.
fn watch_end(pid: Pid, shared: Arc<Shared>) -> std::io::Result<()> {
    let wait = move || {
        let end = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), end).is_err_and(|error| error == rustix::io::Errno::INTR) {}
        let status = shared.child().wait().ok();
        shared.ended.send_replace(Some(status.unwrap_or_default()));
    };
    thread::Builder::new().name("child-end".into()).stack_size(64 * 1024).spawn(wait).map(drop)
}
