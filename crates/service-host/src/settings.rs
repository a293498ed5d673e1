//! Settings all services share. Each comes from a flag or the environment; `--help` names both.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use secrecy::SecretString;

/// Where the log, the bus and the keys are.
#[derive(Clone, Debug, clap::Args)]
pub struct Backbone {
    /// The Postgres database that holds the log and the read models.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: SecretString,
    /// The NATS server with JetStream.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: String,
    /// File with the master key of personal data: 64 hexadecimal digits, readable by the services only.
    #[arg(long, env = "HUB_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
}

/// An address to listen on. Only loopback: there is no access control yet, so nobody but this machine may reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(SocketAddr);

/// The text is not an address we listen on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RefusedAddress {
    /// Not `ip:port`.
    #[error("expected ip:port, for example 127.0.0.1:3001")]
    NotAnAddress,
    /// Other machines could reach it.
    #[error(
        "{0} can be reached from other machines; without access control only loopback addresses are served"
    )]
    NotLoopback(SocketAddr),
}

impl Listen {
    /// The address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Listen {
    type Err = RefusedAddress;

    fn from_str(text: &str) -> Result<Self, RefusedAddress> {
        let address: SocketAddr = text.parse().map_err(|_| RefusedAddress::NotAnAddress)?;
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(RefusedAddress::NotLoopback(address)) }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_served() {
        for text in ["127.0.0.1:3001", "127.9.9.9:1", "[::1]:3001"] {
            assert!(text.parse::<Listen>().is_ok(), "{text}");
        }
    }

    #[test]
    fn an_address_others_can_reach_is_refused() {
        for text in ["0.0.0.0:3001", "[::]:3001", "192.0.2.7:80"] {
            assert!(matches!(text.parse::<Listen>(), Err(RefusedAddress::NotLoopback(_))), "{text}");
        }
        assert_eq!("localhost".parse::<Listen>(), Err(RefusedAddress::NotAnAddress));
    }
}
