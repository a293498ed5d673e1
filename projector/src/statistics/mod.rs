//! Counters that are kept, not counted. What a ticket counts for is a pure function of its row ([`count`]); whenever the
//! row changes, the difference between what it counted for and what it counts for now is added to the counters
//! ([`changes`]). So the counters equal a count over all tickets, whatever happened in which order, and making the
//! tickets anew makes the same counters.
//!
//! - [`count`]: the dimensions, and what a ticket counts for
//! - [`duration`]: waiting times in logarithmic buckets, so that those of any period can be added up
//! - [`changes`]: differences, gathered over a batch, by time
//! - [`requester`]: what a ticket adds to its requester

pub mod changes;
pub mod count;
pub mod duration;
pub mod requester;

pub use changes::Changes;
pub use count::Count;
