//! The query side against a real Postgres: events go into the log, the projection follows, clients ask over HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod asking;
mod deeds;
mod events;
mod hub;

mod analytics;
mod as_of;
mod counters;
mod http;
mod journey;
mod list;
mod live;
mod nearest;
mod openapi;
mod projection;
mod rebuild;
mod redelivery;
mod replica;
mod size;
mod statistics;
mod ticket;
mod work;
