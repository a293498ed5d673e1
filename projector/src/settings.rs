//! What can be set.

use service_host::{
    cors::Cors,
    settings::{Backbone, Listen},
};

/// Keeps the read model of tickets and answers queries from it.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "PROJECTOR_LISTEN", default_value = "127.0.0.1:3003")]
    pub listen: Listen,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: Cors,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }
}
