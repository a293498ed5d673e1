//! Private Postgres and nats-server processes, the services and the gateway, for `hubctl up`, tests and benches.
//!
//! Nothing here touches a server it did not start, and nothing started here outlives this process, `kill -9` of it
//! included. Linux only (parent-death signals, `/proc`). In reading order:
//!
//! - [`error`]: what can go wrong, said so that the reader knows what to do
//! - `keeper`: the one thread that spawns every child
//! - `process`, `log_file`: a child, watched and stopped; where it writes and its last lines
//! - `unprivileged`, `dir_lock`, `programs`: who runs Postgres, one run per directory, what is installed
//! - [`ports`]: free ports, and whether somebody listens
//! - [`postgres`], [`nats`]: the two servers
//! - [`service`]: any other program
//! - [`stack`]: the whole system
//! - [`gateway`]: one address in front of the command side and the query side
//! - [`testing`]: a fresh database or bus per test

pub mod error;
pub mod gateway;
pub mod nats;
pub mod ports;
pub mod postgres;
pub mod service;
pub mod stack;
pub mod testing;

mod dir_lock;
mod keeper;
mod log_file;
mod process;
mod programs;
mod unprivileged;

pub use error::{Error, Result};
pub use gateway::{Gateway, Upstreams};
pub use nats::{NatsOptions, NatsServer};
pub use postgres::{PostgresOptions, PostgresServer};
pub use service::{Service, ServiceSpec};
pub use stack::{Ports, Stack, StackOptions};
