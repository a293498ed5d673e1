//! `command-api`: see the library.

use clap::Parser as _;
use command_api::Settings;

/// Requests allocate a lot of small things on one thread and free them on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let metrics = service_host::telemetry::start()?;
    command_api::run(settings, metrics).await
}
