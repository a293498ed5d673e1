//! Progress bars with the time that is left: on a terminal only, and gone when the work is done.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `length` steps of `what`.
#[must_use]
pub fn progress(what: &'static str, length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_prefix(what);
    match ProgressStyle::with_template("{prefix:>10} [{bar:40}] {pos}/{len}, {eta} left {msg}") {
        Ok(style) => bar.with_style(style),
        // A bar in the default style is no reason to fail.
        Err(_) => bar,
    }
}
