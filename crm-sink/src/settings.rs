//! What can be set.

use service_host::settings::{Backbone, Listen};

use crate::{lane::Pace, webhook::WebhookSettings, zoho::ZohoSettings};

/// Delivers every analyzed ticket, and what becomes of it, to Zoho Creator, exactly one record each; or, as another
/// process, to a receiver of signed webhooks.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// The log, the bus and the keys.
    #[command(flatten)]
    pub backbone: Backbone,
    /// Where to listen; loopback only.
    #[arg(long, env = "CRM_SINK_LISTEN", default_value = "127.0.0.1:3004")]
    pub listen: Listen,
    /// Which system this process delivers to.
    #[arg(long, env = "CRM_SINK", value_enum, default_value_t)]
    pub sink: Sink,
    /// Where the records go.
    #[command(flatten)]
    pub zoho: ZohoSettings,
    /// Where the webhooks go.
    #[command(flatten)]
    pub webhook: WebhookSettings,
    /// How long things take.
    #[command(flatten)]
    pub pace: Pace,
}

/// A system to deliver to.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sink {
    /// Zoho Creator.
    #[default]
    Zoho,
    /// A receiver of signed webhooks.
    Webhook,
}

impl Sink {
    /// Its name, in events, on the work list and in metrics.
    #[must_use]
    pub const fn system(self) -> &'static str {
        match self {
            Self::Zoho => crate::zoho::SYSTEM,
            Self::Webhook => crate::webhook::SYSTEM,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Settings::command().debug_assert();
    }
}
