//! Benchmarks of the hub beside what it stands on (Postgres, JetStream) and beside the Rust peers, interleaved in one
//! run on private servers. What counts are the ratios: absolute figures move with the machine and its other work.
//!
//! Reading order:
//! - [`options`]: what can be set
//! - [`bed`]: the private servers; [`hub`]: the hub's programs on them
//! - [`load`], [`http`], [`tickets`]: closed loops, the cheapest client, and what it sends
//! - [`rounds`]: appends of all kinds, interleaved: `pgbench`, the hub, [`peers`]
//! - [`growth`]: the same with a short and a long log
//! - [`bulk`]: COPY, raw publishing, relaying, refilling the bus, catching up
//! - [`visible`]: from the submission to the read model
//! - [`reads`]: one ticket over HTTP
//! - [`cpu`]: who used the processors
//! - [`table`]: ratios, goals and floors

mod bed;
mod bulk;
mod cpu;
mod growth;
mod http;
mod hub;
mod load;
mod options;
mod peers;
mod pgbench;
mod reads;
mod rounds;
mod table;
mod tickets;
mod visible;

use std::time::Instant;

use clap::Parser as _;

use bed::Bed;
use options::{Options, Part};
use table::Table;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let began = Instant::now();
    let mut bed = Bed::start(&options).await?;
    let mut table = Table::default();
    let outcome = measure(&options, &mut bed, &mut table).await;
    // What was measured is worth showing even when a later part failed.
    println!("\n{}", table.markdown(&options, began.elapsed()));
    let stopped = bed.stop().await;
    outcome.and(stopped)
}

async fn measure(options: &Options, bed: &mut Bed, table: &mut Table) -> anyhow::Result<()> {
    if options.wants(Part::Append) {
        rounds::run(options, bed, table).await?;
    }
    if options.wants(Part::Growth) {
        growth::run(options, bed, table).await?;
    }
    if options.wants(Part::Bulk) {
        bulk::run(options, bed, table).await?;
    }
    if options.wants(Part::Visible) {
        visible::run(options, bed, table).await?;
    }
    if options.wants(Part::Reads) {
        reads::run(options, bed, table).await?;
    }
    Ok(())
}
