//! One file per command: its flags, and what it does.

pub(crate) mod analyzer;
pub(crate) mod bus;
pub(crate) mod clean_data;
pub(crate) mod crm;
pub(crate) mod journey;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod parked;
pub(crate) mod rebuild;
pub(crate) mod replay;
pub(crate) mod rewind;
pub(crate) mod up;
pub(crate) mod why_stuck;
