//! `POST /api/tickets/{id}/…`, as clients see it, and what it leaves in the log.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod desk;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "these tests need the answers, not the database")]
mod support;

mod corrections;
mod life;
mod preconditions;
mod refusals;
