//! Given the events so far, when a command comes, then these events follow or this rule is broken.

#![expect(clippy::expect_used, reason = "a panic is how a test fails")]

mod given;
mod samples;

mod corrections;
mod records;
mod work;
