//! Delivery over real HTTP against the mock, on a real Postgres, and on a clock that the tests move: nothing sleeps.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod batches;
mod budget;
mod chaos;
mod control;
mod crashes;
mod desk;
mod form;
mod logs;
mod lost_answers;
mod poison;
mod property;
mod proxy;
mod reconciliation;
mod refusals;
mod rows;
mod tickets;
mod tokens;
mod updates;
mod webhook;
