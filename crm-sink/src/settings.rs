//! What can be set.

use service_host::settings::{Backbone, Listen};

use crate::{lane::Pace, zoho::ZohoSettings};

/// Delivers every analyzed ticket to Zoho Creator, exactly one record each.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "CRM_SINK_LISTEN", default_value = "127.0.0.1:3004")]
    pub listen: Listen,
    /// Where the records go.
    #[command(flatten)]
    pub zoho: ZohoSettings,
    /// How long things take.
    #[command(flatten)]
    pub pace: Pace,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Settings::command().debug_assert();
    }
}
