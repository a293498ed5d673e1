//! What can be set.

use std::time::Duration;

use secrecy::SecretString;
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
    /// A hot standby of the database that answers the queries instead: Postgres URL.
    #[arg(long, env = "READ_DATABASE_URL", hide_env_values = true)]
    pub read_database_url: Option<SecretString>,
    /// Where to listen; loopback only.
    #[arg(long, env = "PROJECTOR_LISTEN", default_value = "127.0.0.1:3003")]
    pub listen: Listen,
    /// How often the read model is made anew in the background and compared with the live one, in minutes; 0 = never.
    #[arg(long, env = "PROJECTOR_DRIFT_CHECK_MINUTES", default_value_t = 24 * 60)]
    pub drift_check_minutes: u32,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: Cors,
}

impl Settings {
    /// How often to look for drift; zero = never.
    #[must_use]
    pub fn drift_check_every(&self) -> Duration {
        Duration::from_mins(1) * self.drift_check_minutes
    }
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
