//! `projector`: see the library.

use clap::Parser as _;
use projector::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let metrics = service_host::telemetry::start()?;
    projector::run(settings, metrics).await
}
