//! The event contracts of the hub: everything two processes must agree on, and nothing else.
//!
//! Reading order:
//! - [`id`]: who and what an event is about
//! - [`personal`]: personal data, which exists in events only as ciphertext
//! - [`embedding`]: a text as a point among other texts
//! - [`analysis`]: what the analyzer answers
//! - [`work`]: the facts that people make: comments, resolutions, corrections
//! - [`model`]: facts about the model that answers
//! - [`event`]: the facts of a ticket's life, one type each, and their storage names
//! - [`envelope`]: the CloudEvents envelope every event travels in
//! - [`subject`]: where an event goes on the bus
//! - [`contract`]: the JSON Schemas generated from these types

pub mod analysis;
pub mod contract;
pub mod embedding;
pub mod envelope;
pub mod event;
pub mod id;
pub mod model;
pub mod personal;
pub mod subject;
pub mod work;

pub use analysis::Analysis;
pub use embedding::Embedding;
pub use envelope::Envelope;
pub use event::TicketEvent;
pub use id::{EventId, Position, RequesterId, TicketId, Version};
pub use personal::Sealed;
