//! The pure domain of a support ticket: no clock, no I/O, no randomness.
//!
//! Reading order:
//! - [`submission`]: what a requester may hand in, parsed at the edge
//! - [`order`]: what people may ask of a ticket, parsed at the edge
//! - [`amendment`]: what people may say is right in an analysis, parsed at the edge
//! - [`labels`]: the closed sets of labels a decision may have
//! - [`command`]: what may be asked of a ticket
//! - [`state`]: what a ticket is, and how its events make it ([`evolve`])
//! - [`decide()`]: which event a command leads to, or the rule it breaks
//! - [`rejection`]: the rules by name

pub mod amendment;
pub mod command;
mod decide;
pub mod labels;
pub mod order;
pub mod rejection;
pub mod state;
pub mod submission;

pub use amendment::Amendment;
pub use command::Command;
pub use decide::{check_entities, decide};
pub use order::Order;
pub use rejection::Rejection;
pub use state::{Status, Ticket, evolve};
