//! The pure domain of a support ticket: no clock, no I/O, no randomness.
//!
//! Reading order:
//! - [`submission`]: what a requester may hand in, parsed at the edge
//! - [`command`]: what may be asked of a ticket
//! - [`state`]: what a ticket is, and how its events make it ([`evolve`])
//! - [`decide()`]: which event a command leads to, or the rule it breaks
//! - [`rejection`]: the rules by name

pub mod command;
mod decide;
pub mod rejection;
pub mod state;
pub mod submission;

pub use command::Command;
pub use decide::decide;
pub use rejection::Rejection;
pub use state::{Ticket, evolve};
