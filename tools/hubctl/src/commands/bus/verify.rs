//! `hubctl bus verify`.

use std::process::ExitCode;

use event_bus::Bus;
use event_store::EventStore;

use super::compare::compare;
use crate::view;

pub(super) async fn run(store: &EventStore, bus: &Bus) -> anyhow::Result<ExitCode> {
    let found = compare(store, bus, &view::progress("comparing")).await?;
    let behind = store.head().await?.0 - found.position.0;
    println!("equal up to position {}", found.position);
    println!("sha256 of the log   {}", found.log);
    println!("sha256 of the bus   {}", found.bus);
    if let Some(difference) = found.difference {
        println!("first difference: {difference}");
        println!(
            "the stages work all the same, from the log; `--repair`, or `hubctl bus rebuild`, mends the stream"
        );
        return Ok(ExitCode::FAILURE);
    }
    if behind > 0 {
        println!("the bus is {behind} events behind the log; the relay publishes them");
    }
    Ok(if found.log == found.bus { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
