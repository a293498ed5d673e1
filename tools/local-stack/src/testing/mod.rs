//! A fresh database or bus per test, on real servers of this test process.
//!
//! The servers die with the process. Their directories are in the system's temporary directory and are deleted by the
//! next test process, or by the handle where there is one.

mod bus;
mod database;
mod patience;
mod scale;
mod temp_dir;

pub use bus::TestNats;
pub use database::{TestDatabase, TestReplica};
pub use patience::{PATIENCE, eventually, insist, within};
pub use scale::scaled;
