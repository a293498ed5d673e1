//! Delivery over real HTTP against the mock, on a real Postgres, and on a clock that the tests move: nothing sleeps.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod batches;
mod crashes;
mod desk;
mod logs;
mod lost_answers;
mod proxy;
mod refusals;
mod rows;
mod tickets;
mod tokens;
