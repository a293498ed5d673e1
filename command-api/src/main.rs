//! `command-api`: see the library.

use clap::Parser as _;
use command_api::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let metrics = service_host::telemetry::start()?;
    command_api::run(settings, metrics).await
}
