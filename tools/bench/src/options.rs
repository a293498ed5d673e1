//! What can be set.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;

/// Measures the hub beside pgbench, COPY, raw JetStream and the Rust peers, interleaved in one run on private servers
/// on loopback, and prints a Markdown table of ratios with their goals and floors.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Options {
    /// About a minute: one round of short points, small logs, no peers
    #[arg(long)]
    pub quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Rounds of interleaved appends; the median round counts [default: 3, quick: 1]
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each point [default: 3, quick: 1]
    #[arg(long)]
    seconds: Option<u64>,
    /// Clients and connections, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,64")]
    pub clients: Vec<usize>,
    /// Leave out the peers
    #[arg(long)]
    no_peers: bool,
    /// Events in the long log of the growth part [default: 1000000, quick: 100000]; the target speaks of 10000000, which
    /// takes some 8 GB of disk
    #[arg(long)]
    growth_events: Option<u64>,
    /// Events to relay, to refill the bus with, and to catch up with [default: 200000, quick: 30000]
    #[arg(long)]
    bulk_events: Option<u64>,
    /// Where command-api, projector and hubctl are [default: beside this program]
    #[arg(long)]
    bin_dir: Option<PathBuf>,
    /// Where the servers keep their data; deleted afterwards [default: the system's temporary directory]
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Appends: pgbench, submissions, commands, peers
    Append,
    /// Submissions with a short and a long log
    Growth,
    /// COPY, raw publishing, relaying, refilling the bus, catching up
    Bulk,
    /// From the submission to the read model
    Visible,
    /// One ticket over HTTP, beside a handler that runs SELECT 1
    Reads,
}

impl Options {
    /// Whether this part was asked for.
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether the peers are measured.
    pub const fn peers(&self) -> bool {
        !self.quick && !self.no_peers
    }

    /// Rounds of interleaved points.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// The length of a point.
    pub fn point(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 1 } else { 3 }).max(1))
    }

    /// Events in the long log.
    pub fn growth_events(&self) -> u64 {
        self.growth_events.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }

    /// Events of the bulk part.
    pub fn bulk_events(&self) -> u64 {
        self.bulk_events.unwrap_or(if self.quick { 30_000 } else { 200_000 })
    }

    /// Where the hub's programs are.
    pub fn bin_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.bin_dir {
            return Ok(dir.clone());
        }
        let here = std::env::current_exe()?;
        Ok(here.parent().map(PathBuf::from).unwrap_or_default())
    }
}
