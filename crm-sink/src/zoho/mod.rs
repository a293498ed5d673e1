//! Zoho Accounts and Zoho Creator v2.1, as far as the sink needs them.
//!
//! Reading order:
//! - [`data_centre`]: the only hosts a token is ever sent to
//! - [`settings`]: which account, application, form and report
//! - [`record`]: what a ticket looks like as a record of the form
//! - [`request`]: bodies and criteria
//! - [`code`]: the response codes, and what each means for us
//! - [`answer`]: what became of a call
//! - [`judge`]: what became of each record of a batch
//! - [`found`]: the rows of a look-up
//! - [`rate`]: calls per minute
//! - [`token`]: the access token
//! - [`client`]: the two calls

pub mod answer;
pub mod client;
pub mod code;
pub mod data_centre;
pub mod found;
pub mod judge;
pub mod rate;
pub mod record;
pub mod request;
pub mod settings;
pub mod token;

pub use answer::{Answer, Refused};
pub use client::Client;
pub use code::Refusal;
pub use record::Record;
pub use settings::ZohoSettings;
