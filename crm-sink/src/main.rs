//! `crm-sink`: see the library.

use clap::Parser as _;
use crm_sink::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let metrics = service_host::telemetry::start()?;
    crm_sink::run(settings, metrics).await
}
