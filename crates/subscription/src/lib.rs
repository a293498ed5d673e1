//! How a stage consumes the log: fast over the bus, and slow by sweeping the log behind its own cursor, so that a lost
//! message, a lost stream or a lost bus costs latency and nothing else.
//!
//! Reading order:
//! - [`stage`]: what a stage runs on, and how far it has come
//! - [`source`]: the next events after a cursor, from the bus if it can, from the log if it must
//! - [`projection`]: effects that commit together with the checkpoint
//! - [`reaction`]: effects that cannot, with a fate per event
//! - `order`: later events of a ticket wait behind its unfinished ones, where a reaction asks for it
//! - [`checkpoint`]: the cursor
//! - [`exceptions`]: events passed without being finished: waiting for a retry, or parked
//! - [`parked`]: what an operator does with them
//! - [`halts`]: why a stage does not move, for whoever asks from outside
//! - `pause`: how long it waits before it begins again
//! - [`leadership`]: at most one process per stage

pub mod checkpoint;
pub mod exceptions;
mod failure;
pub mod halts;
pub mod leadership;
mod order;
pub mod parked;
mod pause;
pub mod projection;
pub mod reaction;
pub mod source;
pub mod stage;

pub use leadership::Leadership;
pub use projection::Projection;
pub use reaction::{Fate, Reaction};
pub use stage::{Progress, Stage};
