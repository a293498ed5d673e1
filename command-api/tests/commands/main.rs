//! `POST /api/tickets/{id}/…`, as clients see it, and what it leaves in the log.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod desk;
#[path = "../support/mod.rs"]
mod support;

mod corrections;
mod life;
mod preconditions;
mod refusals;
