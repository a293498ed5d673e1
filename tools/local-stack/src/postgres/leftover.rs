//! A server that a killed run left on our data: ended before the next one starts.
//!
//! The caller holds the lock of the data directory, so nobody uses that server any more. It is recognised by the pid
//! in `postmaster.pid` *and* by its working directory, which for a postmaster is its data directory: a recycled pid
//! or a server on other data is left alone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time;

use crate::error::{Doing, Error, Result};

/// A fast shutdown writes a checkpoint; after this long the immediate shutdown, then the kill.
const PATIENCE: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(10)),
];
/// Backends notice within milliseconds that their postmaster is dead.
const BACKENDS_GO_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Ends the postmaster of `dir`, if one runs, and waits for what a killed one left.
pub(super) async fn stop(dir: &Path) -> Result<()> {
    if let Some(pid) = postmaster_of(dir) {
        tracing::info!(pid = pid.as_raw_pid(), "ending the Postgres that an earlier run left behind");
        end(dir, pid).await?;
    }
    let_backends_go(dir).await;
    Ok(())
}

/// Waits until no process works in `dir`: after a kill of the postmaster its backends hold the shared memory for a
/// moment, and a new postmaster refuses to start.
pub(super) async fn let_backends_go(dir: &Path) {
    let deadline = Instant::now() + BACKENDS_GO_WITHIN;
    while Instant::now() < deadline && any_process_in(dir) {
        time::sleep(PAUSE).await;
    }
}

async fn end(dir: &Path, pid: Pid) -> Result<()> {
    for (signal, patience) in PATIENCE {
        let deadline = Instant::now() + patience;
        if postmaster_of(dir) == Some(pid) {
            kill_process(pid, signal).doing(|| format!("stop the Postgres left behind (process {pid})"))?;
        }
        while works_in(pid, dir) {
            if Instant::now() >= deadline {
                break;
            }
            time::sleep(PAUSE).await;
        }
        if !works_in(pid, dir) {
            return Ok(());
        }
    }
    let reason = format!("the Postgres that an earlier run left (process {pid}) does not end");
    Err(Error::Unusable { dir: dir.to_owned(), reason })
}

/// The live postmaster of exactly this directory.
fn postmaster_of(dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(dir.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    works_in(pid, dir).then_some(pid)
}

/// Whether the process is a Postgres with this working directory.
fn works_in(pid: Pid, dir: &Path) -> bool {
    is_postgres_in(&PathBuf::from(format!("/proc/{}", pid.as_raw_pid())), dir)
}

fn any_process_in(dir: &Path) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| is_postgres_in(&process.path(), dir))
}

/// A zombie has no working directory any more and does not count.
fn is_postgres_in(process: &Path, dir: &Path) -> bool {
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == dir)
        && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
}
