//! The mock as a process of its own. See the README beside `src`.

use std::io::Write as _;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use zoho_mock::{Mock, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mock = Mock::start(settings).await.context("zoho-mock did not start")?;
    announce(&mock);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for Ctrl-C")?,
        _ = terminated.recv() => {}
    }
    mock.stop().await;
    Ok(())
}

/// Tells a person, or a script, where the mock is. Nobody has to read it.
fn announce(mock: &Mock) {
    let _ = writeln!(std::io::stdout(), "zoho-mock listens on {}", mock.url());
}
