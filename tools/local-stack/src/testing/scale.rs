//! How much a fault test does: little enough for every run, or as much as `make chaos` asks for.

/// Set by `make chaos`.
const FULL: &str = "HUB_CHAOS";

/// `small`, or `full` under `make chaos`.
#[must_use]
pub fn scaled(small: u64, full: u64) -> u64 {
    if std::env::var_os(FULL).is_some() { full } else { small }
}
