//! The figures F15 to F18: the sink against a Zoho that fails in every way the mock knows. Small by default; `HUB_CHAOS=1`
//! (`make chaos`) runs the sizes that the figures name, `CHAOS_SEED=n` another course of events.
//!
//! Every run prints how often each fault hit: a proof that met no fault proves nothing.

use local_stack::testing::scaled;

mod budget;
mod exactness;
mod kill;
mod outage;
mod rig;
mod schedules;
mod tokens;

/// The size of a run: `small` by default, the figure's own in full.
fn size(small: usize, full: usize) -> usize {
    scaled(small as u64, full as u64) as usize
}

fn seed() -> u64 {
    std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}
