//! Standard output, whose reader may leave in the middle: `hubctl crm parked | head`.
//!
//! A program that nobody reads any more is done. It ends as if it had been told to, in silence, and by unwinding: what it
//! started (`hubctl up`) must not outlive it. So this is used instead of the standard macros, which panic with a message.

use std::{
    fmt,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::ExitCode,
};

/// A line on standard output, as the standard macro of the same name, but for a reader that may leave.
macro_rules! println {
    () => { $crate::output::print_line(format_args!("")) };
    ($($text:tt)*) => { $crate::output::print_line(format_args!($($text)*)) };
}

/// Nobody reads any more.
struct Unread;

/// Does `work` to its end, or until nobody reads any more, which is as good.
///
/// # Errors
/// As `work`.
pub(crate) fn while_read(work: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) if panic.is::<Unread>() => Ok(ExitCode::SUCCESS),
        Err(panic) => resume_unwind(panic),
    }
}

pub(crate) fn print_line(text: fmt::Arguments<'_>) {
    // Another failure of standard output is one that nobody can be told of.
    let _ = Stdout.write_all(format!("{text}\n").as_bytes());
}

/// A question that is answered on the same line.
pub(crate) fn prompt(text: &str) {
    let _ = Stdout.write_all(text.as_bytes());
    let _ = Stdout.flush();
}

/// Standard output, for whatever takes a writer.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while_open(io::stdout().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        while_open(io::stdout().lock().flush())
    }
}

fn while_open<T>(written: io::Result<T>) -> io::Result<T> {
    match written {
        // Without the message that a panic prints.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => resume_unwind(Box::new(Unread)),
        written => written,
    }
}
