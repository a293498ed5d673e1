//! Where log lines go. Lines of the access log come by the thousand and nobody waits for one: they are gathered for a moment
//! and written together, since a write for each costs more than all else about the line and lets the other threads wait. Any
//! other line is written at once, after those gathered before it.

use std::{
    io::{self, BufWriter, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
    time::Duration,
};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The target of events that may wait.
pub(crate) const ACCESS: &str = "service_host::access";

/// As long as a line may wait. Lines of a process that is killed meanwhile are lost.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes gathered at most; then they are written at once.
const ROOM: usize = 64 * 1024;

/// Lines on their way to `W`.
pub(crate) struct Lines<W: Write> {
    out: Arc<Mutex<BufWriter<W>>>,
    writer: Thread,
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Starts the thread that writes what was gathered.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn to(out: W) -> io::Result<Self> {
        let out = Arc::new(Mutex::new(BufWriter::with_capacity(ROOM, out)));
        let gathered = out.clone();
        let write = move || {
            loop {
                thread::park();
                thread::sleep(GATHER);
                // Where a log cannot be written there is nobody to tell.
                let _ = lock(&gathered).flush();
            }
        };
        let writer = thread::Builder::new().name("log".to_owned()).spawn(write)?.thread().clone();
        Ok(Self { out, writer })
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { out: lock(&self.out), may_wait: None }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        Line { out: lock(&self.out), may_wait: (event.target() == ACCESS).then_some(&self.writer) }
    }
}

/// One line.
pub(crate) struct Line<'a, W: Write> {
    out: MutexGuard<'a, BufWriter<W>>,
    /// Who writes it after a moment.
    may_wait: Option<&'a Thread>,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        match self.may_wait {
            Some(writer) => writer.unpark(),
            None => self.out.flush()?,
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn lock<W: Write>(out: &Mutex<BufWriter<W>>) -> MutexGuard<'_, BufWriter<W>> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tracing_subscriber::fmt::Subscriber;

    use super::*;

    /// What is written at a time, message by message.
    struct Writes(mpsc::Sender<String>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> mpsc::Receiver<String> {
        let (sender, writes) = mpsc::channel();
        let format = Subscriber::builder().without_time().with_level(false).with_target(false);
        let subscriber = format.with_ansi(false).with_writer(Lines::to(Writes(sender)).unwrap()).finish();
        tracing::subscriber::with_default(subscriber, log);
        writes
    }

    #[test]
    fn a_line_takes_the_requests_before_it_along() {
        let writes = written(|| {
            tracing::info!(target: ACCESS, "one");
            tracing::info!(target: ACCESS, "two");
            tracing::info!("three");
        });
        assert_eq!(writes.recv().unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn requests_are_written_though_no_line_follows() {
        let writes = written(|| tracing::info!(target: ACCESS, "one"));
        assert_eq!(writes.recv().unwrap(), "one\n");
        assert!(writes.try_recv().is_err(), "written once");
    }
}
