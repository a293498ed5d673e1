//! Closed loops: each worker asks again as soon as it is answered.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// What a point came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Operations a second.
    pub rate: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 99th percentile of the latency.
    pub p99_ms: f64,
    /// Operations.
    pub count: usize,
}

impl Measured {
    /// From every operation's latency in microseconds.
    pub fn of(mut latencies: Vec<u32>, took: Duration) -> Self {
        latencies.sort_unstable();
        let count = latencies.len();
        let percentile = |share: f64| {
            let index = ((count as f64 * share) as usize).min(count.saturating_sub(1));
            latencies.get(index).map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
        };
        Self {
            rate: count as f64 / took.as_secs_f64(),
            p50_ms: percentile(0.5),
            p99_ms: percentile(0.99),
            count,
        }
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms", self.rate, self.p50_ms, self.p99_ms)
    }
}

/// One worker's part of a loop.
pub struct Laps {
    end: Instant,
    latencies: Vec<u32>,
}

impl Laps {
    /// Until `end`.
    pub fn until(end: Instant) -> Self {
        Self { end, latencies: Vec::with_capacity(16 * 1024) }
    }

    /// Begins the next operation, unless time is up.
    pub fn next(&self) -> Option<Instant> {
        Some(Instant::now()).filter(|now| *now < self.end)
    }

    /// Notes an operation that is done.
    pub fn done(&mut self, began: Instant) {
        self.latencies.push(began.elapsed().as_micros().min(u128::from(u32::MAX)) as u32);
    }

    /// Every operation's latency in microseconds.
    pub fn latencies(self) -> Vec<u32> {
        self.latencies
    }
}

/// Runs the workers together and gathers their latencies.
pub async fn together<W>(
    duration: Duration,
    workers: usize,
    worker: impl Fn(usize, Instant) -> W,
) -> anyhow::Result<Measured>
where
    W: Future<Output = anyhow::Result<Vec<u32>>> + Send + 'static,
{
    let began = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..workers {
        running.spawn(worker(number, began + duration));
    }
    let mut latencies = vec![];
    while let Some(joined) = running.join_next().await {
        latencies.append(&mut joined??);
    }
    Ok(Measured::of(latencies, began.elapsed()))
}

/// The same on one thread of its own, which costs the measured programs least.
pub async fn on_one_thread<W, F>(duration: Duration, workers: usize, worker: F) -> anyhow::Result<Measured>
where
    F: Fn(usize, Instant) -> W + Send + 'static,
    W: Future<Output = anyhow::Result<Vec<u32>>> + Send + 'static,
{
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(together(duration, workers, worker))
    })
    .await?
}
