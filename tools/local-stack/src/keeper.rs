//! The one thread that spawns every child, so that no child outlives this process.
//!
//! Linux sends a child its parent-death signal when the *thread* that spawned it ends, not the process. A thread
//! of a test runner or of an async pool may end early, so a thread that never ends does all the spawning.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{OnceLock, mpsc},
    thread,
};

/// A command to spawn and where to report the outcome.
type Job = (Command, mpsc::Sender<io::Result<Child>>);

static KEEPER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();

/// Spawns `command` on the keeper thread, in a process group of its own: the terminal's Ctrl-C reaches this process
/// alone, which then stops its children in order.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    command.process_group(0);
    let (reply, outcome) = mpsc::channel();
    let gone = || io::Error::other("the thread that keeps the child processes is gone");
    KEEPER.get_or_init(start).send((command, reply)).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}

/// Starts the thread. Without it the returned sender is closed, and every `spawn` says so.
fn start() -> mpsc::Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let keep = move || {
        for (mut command, reply) in jobs {
            // Nobody waits for the reply only if the caller was cancelled; the child is then reaped by its handle.
            let _ = reply.send(command.spawn());
        }
    };
    if let Err(error) = thread::Builder::new().name("keeper".into()).spawn(keep) {
        tracing::error!(%error, "cannot start the thread that keeps the child processes");
    }
    sender
}
