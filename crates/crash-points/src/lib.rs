//! Places at which a test can have the process killed, between two steps whose order matters: `HUB_CRASH_AT=relay.read`
//! kills it there, `HUB_CRASH_AT=relay.read:3` the third time it comes there. A release build has none of it.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use rustix::process::{Signal, getpid, kill_process};

/// The variable that names the place.
pub const VARIABLE: &str = "HUB_CRASH_AT";

/// Ends the process like `kill -9`, with nothing flushed and nobody told, if a test has chosen this place.
#[inline]
pub fn reach(place: &str) {
    if cfg!(debug_assertions) {
        die_at(place);
    }
}

/// Where to die, and the how manieth time.
struct Chosen {
    place: String,
    countdown: AtomicU64,
}

fn die_at(place: &str) {
    static CHOSEN: OnceLock<Option<Chosen>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok().map(|text| Chosen::read(&text)));
    let Some(chosen) = chosen else { return };
    if chosen.place == place && chosen.countdown.fetch_sub(1, Ordering::Relaxed) == 1 {
        let _ = kill_process(getpid(), Signal::KILL);
        // The signal is on its way; this thread must not take another step.
        loop {
            std::thread::park();
        }
    }
}

impl Chosen {
    fn read(text: &str) -> Self {
        let (place, times) = text.rsplit_once(':').unwrap_or((text, "1"));
        Self { place: place.to_owned(), countdown: AtomicU64::new(times.parse().unwrap_or(1)) }
    }
}
