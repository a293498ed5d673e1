//! `projector`: see the library.

use clap::Parser as _;
use projector::Settings;

/// Events are taken apart into many small things, and rows made of them, as in a rebuild (`hubctl`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let metrics = service_host::telemetry::start()?;
    projector::run(settings, metrics).await
}
