//! One deadline for everything that a test waits for: a broken promise fails the test and says what never came, instead
//! of hanging it.

use std::{
    fmt::Display,
    panic::Location,
    time::{Duration, Instant},
};

/// Far longer than anything takes, even on a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What `awaited` gives.
///
/// # Panics
/// When it does not come, naming `what`.
#[track_caller]
pub fn within<T>(what: impl Display, awaited: impl Future<Output = T>) -> impl Future<Output = T> {
    let asked_at = Location::caller();
    async move {
        let outcome = tokio::time::timeout(PATIENCE, awaited).await;
        outcome.unwrap_or_else(|_| never_came(&what, asked_at))
    }
}

/// Waits until `condition` holds, which another task or process brings about.
///
/// # Panics
/// When it never does, naming `what`.
#[track_caller]
pub fn eventually(what: impl Display, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let asked_at = Location::caller();
    async move {
        let began = Instant::now();
        while !condition().await {
            if began.elapsed() > PATIENCE {
                never_came(&what, asked_at);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What `attempt` gives once it succeeds: for what a starved machine may refuse for a while, such as a connection within
/// the limits that services have.
///
/// # Panics
/// When it never does, naming `what`.
#[track_caller]
pub fn insist<T, E>(
    what: impl Display,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> impl Future<Output = T> {
    within(what, async move {
        loop {
            if let Ok(done) = attempt().await {
                return done;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

#[expect(clippy::panic, reason = "a panic is how a test fails")]
fn never_came(what: &impl Display, asked_at: &Location<'_>) -> ! {
    panic!("waited {} s for {what} ({asked_at})", PATIENCE.as_secs())
}
