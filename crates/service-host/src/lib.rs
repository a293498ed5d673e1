//! What every process of the hub repeats, written once.
//!
//! Reading order:
//! - [`settings`]: the settings all services share, and the loopback guard
//! - [`telemetry`]: logs and metrics; `log_lines`: which lines of the log may wait for one another
//! - [`shutdown`]: one stop signal, and tasks whose end is noticed
//! - [`wait`]: starting before one's dependencies
//! - [`health`]: liveness, readiness, and the state of each dependency
//! - [`http`]: serving a router with the house's limits and headers
//! - [`cors`]: which web pages may call
//! - [`json`]: request bodies, refused with an explanation
//! - [`query`]: query parameters, refused by name
//! - [`problem`]: the one shape of every error answer
//! - [`openapi`]: routes and their description, from the same types
//! - [`clock`]: the only place that asks what time it is

pub mod clock;
pub mod cors;
pub mod health;
pub mod http;
pub mod json;
mod log_lines;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod wait;

pub use health::Health;
pub use problem::Problem;
pub use shutdown::Shutdown;
