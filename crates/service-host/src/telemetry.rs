//! Logs and metrics. What may stand in a log line is in `docs/LOGGING.md`: ids, counts, codes, never a text of a
//! ticket, a name or an address.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::log_lines::Lines;

/// Upper bounds, in seconds, of every duration histogram: those document 002 names, with finer ones below.
const SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// How often observations are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sends this process's logs to standard error (text on a terminal, JSON lines elsewhere; `RUST_LOG` filters) and
/// gathers its metrics.
///
/// # Errors
/// When telemetry was already started in this process.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(Lines::to(io::stderr())?).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    if io::stderr().is_terminal() {
        registry.with(lines).try_init()?;
    } else {
        registry.with(lines.json().flatten_event(true)).try_init()?;
    }
    let metrics = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    keep_up(metrics.clone())?;
    Ok(metrics)
}

/// Observations are kept one by one until somebody asks for the metrics. Where nobody ever does, they would fill the memory.
fn keep_up(metrics: PrometheusHandle) -> io::Result<()> {
    let work = move || {
        loop {
            std::thread::sleep(UPKEEP);
            metrics.run_upkeep();
        }
    };
    std::thread::Builder::new().name("metrics".to_owned()).spawn(work).map(drop)
}
