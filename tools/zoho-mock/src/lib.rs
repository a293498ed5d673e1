//! A faithful mock of Zoho Accounts and Zoho Creator v2.1.
//!
//! It answers what the real services answer, as far as that is published or was seen in production: OAuth
//! refreshes with their limits, Creator's two path styles, per-field validation with per-item codes, criteria,
//! cursors, quotas. What nobody documents is a switch ([`Quirks`]); what can go wrong is a plan ([`Plan`]). An oracle
//! under `/__mock` tells a test what really arrived.
//!
//! ```no_run
//! # async fn demo() -> Result<(), zoho_mock::StartError> {
//! let mock = zoho_mock::Mock::start(zoho_mock::Settings::default()).await?;
//! println!("token endpoint: {}/oauth/v2/token", mock.url());
//! # mock.stop().await; Ok(()) }
//! ```
//!
//! The modules in reading order:

// What it is told, and where time and randomness come from.
mod clock;
mod ids;
mod settings;

// Zoho's vocabulary as data.
pub mod codes;
mod form;

// What it remembers.
mod counters;
mod grants;
mod limits;
mod state_file;
mod store;
mod tokens;
mod world;

// How a call is let in, and how an answer is worded.
mod auth;
mod envelope;
mod gate;

// What can go wrong with it.
mod faults;

// One file per call.
mod accounts;
mod add;
mod consent;
mod delete;
mod get;
mod many;
mod meta;
mod update;

// What the calls stand on.
mod criteria;
mod report;
mod validation;
mod write_request;

// Beside Zoho: the oracle, the controls, the older route, the log, the process.
mod admin;
mod legacy;
mod mask;
mod request_log;
mod server;
mod steering;

pub use clock::{Clock, ManualClock, SystemClock};
pub use counters::{CallKind, Counters, Violations};
pub use faults::{Fault, Plan, PlanError, Rule};
pub use form::{Field, Form, FormError, Kind};
pub use ids::RecordId;
pub use server::{Mock, StartError};
pub use settings::{
    Credentials, EmptyAnswer, Environments, ErrorShape, FaultSettings, Limits, Names, Quirks, Settings,
    StatusStyle, TokenRules,
};
pub use store::Record;
