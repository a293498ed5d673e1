//! The mock over real HTTP, as a client meets it.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod account;
mod add;
mod client;
mod clock;
mod consent;
mod faults;
mod gate;
mod get;
mod limits;
mod many;
mod meta;
mod oracle;
mod quirks;
mod request_log;
mod restart;
mod update;
