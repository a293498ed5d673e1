//! `hubctl replay`: from the log, in order, in constant memory.

mod output;
mod selection;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use event_store::{EventStore, read::Selection};
use schemas::Position;
use tokio::time::{Duration, Instant, sleep_until};

use crate::{backbone::Backbone, view};
use output::Output;
use selection::Filter;

/// Positions looked at in one go.
const WINDOW: i64 = 1024;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    backbone: Backbone,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    target: Target,
    /// How fast
    #[arg(long, value_enum, default_value_t = Speed::Max)]
    speed: Speed,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Write one JSON object a line into a new file, or to standard output: `-`
    #[arg(long, value_name = "FILE")]
    to_file: Option<String>,
    /// Publish on a plain NATS subject
    #[arg(long, value_name = "SUBJECT")]
    to_subject: Option<String>,
    /// Publish into a stream, on `replay.<NAME>.<type>.<ticket>`; made if it is missing
    #[arg(long, value_name = "NAME")]
    to_stream: Option<String>,
    /// Only count what would be replayed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Speed {
    /// With the pauses there were between the events
    Original,
    /// As fast as the target takes them
    Max,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.backbone.store().await?;
    let (selection, after, through) = args.filter.read(store.head().await?)?;
    if args.target.dry_run {
        return count(&store, &selection, after, through).await;
    }
    let mut output = Output::open(&args.target, &args.backbone).await?;
    let mut clock = Clock::default();
    let mut replayed = 0;
    let progress = view::progress("replaying");
    progress.set_length((through.0 - after.0).max(0) as u64);
    for (from, to) in windows(after, through) {
        let events = store.select(&selection, from, to).await?;
        replayed += events.len();
        match args.speed {
            Speed::Max => output.put(&events).await?,
            Speed::Original => {
                for event in &events {
                    clock.wait_for(event.time).await;
                    output.put(std::slice::from_ref(event)).await?;
                }
            }
        }
        progress.inc((to.0 - from.0) as u64);
    }
    progress.finish_and_clear();
    // Standard output may be the target.
    eprintln!("replayed {replayed} events{}", output.finish()?);
    Ok(())
}

async fn count(
    store: &EventStore,
    selection: &Selection,
    after: Position,
    through: Position,
) -> anyhow::Result<()> {
    let mut counts = BTreeMap::new();
    for (from, to) in windows(after, through) {
        for found in store.count(selection, from, to).await? {
            *counts.entry(found.type_name).or_insert(0) += found.events;
        }
    }
    for (type_name, events) in &counts {
        println!("{events:>10}  {type_name}");
    }
    println!("{:>10}  events would be replayed", counts.values().sum::<i64>());
    Ok(())
}

/// The positions after `after` up to `through`, some at a time.
fn windows(after: Position, through: Position) -> impl Iterator<Item = (Position, Position)> {
    let starts = (after.0..through.0).step_by(WINDOW as usize);
    starts.map(move |from| (Position(from), Position((from + WINDOW).min(through.0))))
}

/// Keeps the pauses between events.
#[derive(Default)]
struct Clock {
    began: Option<(Instant, DateTime<Utc>)>,
}

impl Clock {
    async fn wait_for(&mut self, time: DateTime<Utc>) {
        let (began, first) = *self.began.get_or_insert_with(|| (Instant::now(), time));
        sleep_until(began + (time - first).to_std().unwrap_or(Duration::ZERO)).await;
    }
}
