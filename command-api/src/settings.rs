//! What can be set.

use service_host::{
    cors::Cors,
    settings::{Backbone, Listen},
};

/// Takes tickets in over HTTP, appends them to the event log, and publishes the log to NATS JetStream.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "COMMAND_API_LISTEN", default_value = "127.0.0.1:3001")]
    pub listen: Listen,
    /// Request types a requester may pick, separated by commas.
    #[arg(
        long,
        env = "HUB_REQUEST_TYPES",
        value_delimiter = ',',
        default_value = "Network,Security,Cloud,Hardware,General"
    )]
    pub request_types: Vec<String>,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: Cors,
}
