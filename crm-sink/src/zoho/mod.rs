//! Zoho Accounts and Zoho Creator v2.1, as far as the sink needs them.
//!
//! Reading order:
//! - [`data_centre`]: the only hosts a token is ever sent to
//! - [`settings`]: which account, application, form and report
//! - [`mapping`], [`record`]: what a ticket looks like as a record of the form
//! - [`form`], [`form_memory`]: whether the form is as the mapping takes it to be, and who asked last
//! - [`request`]: bodies and criteria
//! - [`code`]: the response codes, and what each means for us
//! - [`answer`]: what became of a call
//! - [`judge`]: what became of each record of a batch
//! - [`found`]: the rows of a look-up
//! - [`rate`], [`budget`]: calls per minute and per day
//! - [`token`]: the access token
//! - [`authorize`]: how an administrator gets the refresh token
//! - [`client`]: the calls

pub mod answer;
pub mod authorize;
pub mod budget;
pub mod client;
pub mod code;
pub mod data_centre;
pub mod form;
pub mod form_memory;
pub mod found;
pub mod judge;
pub mod mapping;
pub mod rate;
pub mod record;
pub mod request;
pub mod settings;
pub mod token;

pub use answer::Answer;
pub use client::{Client, Vault};
pub use settings::ZohoSettings;

/// The sink's name, in events, on the work list and in metrics.
pub const SYSTEM: &str = "zoho";
