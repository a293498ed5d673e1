//! `hubctl rebuild`: read models made anew from the log, beside the live ones.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context as _;
use event_store::{MasterKeys, PersonalKeys};
use indicatif::ProgressBar;
use projector::{
    projection::contract::{Contract, every, named},
    rebuild::{
        Ended, Pace, Rebuild, Step,
        digest::{Comparison, Digest},
        place::Place,
    },
};
use schemas::{Position, TicketId};
use tokio_util::sync::CancellationToken;

use crate::{backbone::Database, view};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Database,
    /// File with the master key of personal data
    #[arg(long, env = "HUB_MASTER_KEY_FILE")]
    master_key_file: PathBuf,
    /// Which read model: tickets, timeline (or journey), statistics, requesters, similar, search, or all
    #[arg(default_value = "all", value_parser = parse_projections)]
    projection: Selected,
    /// Only compare it with the live one; ends with 1 when they differ
    #[arg(long, conflicts_with_all = ["ticket", "from", "rollback"])]
    shadow: bool,
    /// Make only this ticket anew, in the live read model
    #[arg(long, value_name = "ID", conflicts_with_all = ["projection", "from", "rollback"])]
    ticket: Option<TicketId>,
    /// Make only the tickets anew that events from this position on touch, in the live read model
    #[arg(long, value_name = "POSITION", conflicts_with_all = ["projection", "rollback"])]
    from: Option<i64>,
    /// Go back to the read model that was live before, with all that happened since
    #[arg(long, conflicts_with = "projection")]
    rollback: bool,
    /// Connections that write at once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    workers: u8,
    /// Work hardly noticed: one connection, a quarter of the time
    #[arg(long, conflicts_with = "workers")]
    gentle: bool,
}

/// At least one projection, by stage.
#[derive(Clone)]
struct Selected(Vec<Vec<&'static Contract>>);

fn parse_projections(name: &str) -> Result<Selected, String> {
    let names = || every().map(|projection| projection.name).collect::<Vec<_>>().join(", ");
    named(name).map(Selected).ok_or_else(|| format!("must be one of {}, journey, all", names()))
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let pool = args.database.pool()?;
    let keys = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&args.master_key_file)?).await?;
    let fast = Pace { workers: args.workers.into(), ..Pace::FAST };
    let stop = CancellationToken::new();
    let rebuild = Rebuild::new(pool, keys, if args.gentle { Pace::GENTLE } else { fast }, stop.clone());
    let _turn = rebuild.turn().await?;
    tokio::spawn(async move {
        // Without the signal there is nothing to stop for.
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    if args.rollback {
        return roll_back(&rebuild).await;
    }
    if args.ticket.is_some() || args.from.is_some() {
        return part(&rebuild, args.ticket, args.from.map(Position)).await;
    }
    let place = if args.shadow { Place::Shadow } else { Place::Next };
    let mut ended = ExitCode::SUCCESS;
    for projections in &args.projection.0 {
        match whole(&rebuild, place, projections).await? {
            Outcome::Equal => {}
            Outcome::Differs => ended = ExitCode::FAILURE,
            Outcome::Stopped => return Ok(ExitCode::FAILURE),
        }
    }
    Ok(ended)
}

async fn roll_back(rebuild: &Rebuild) -> anyhow::Result<ExitCode> {
    let position = rebuild.exchange(Place::Previous).await.context("rolling back")?;
    println!("the previous read model is live again, up to position {position}");
    Ok(ExitCode::SUCCESS)
}

async fn part(
    rebuild: &Rebuild,
    ticket: Option<TicketId>,
    from: Option<Position>,
) -> anyhow::Result<ExitCode> {
    let tickets = match (ticket, from) {
        (Some(ticket), _) => vec![ticket],
        (None, Some(from)) => rebuild.touched_since(from).await?,
        (None, None) => vec![],
    };
    rebuild.tickets(&tickets).await?;
    println!("made anew: {} tickets", tickets.len());
    Ok(ExitCode::SUCCESS)
}

/// What became of the projections of one stage.
enum Outcome {
    /// Made anew and live, or equal where that was the question.
    Equal,
    /// Another one than the live one, where that was the question.
    Differs,
    Stopped,
}

async fn whole(
    rebuild: &Rebuild,
    place: Place,
    projections: &[&'static Contract],
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let bar = view::progress("rebuilding");
    let observe = |step| show(&bar, step);
    let ended = rebuild.build(place, projections, &observe).await;
    let Ended::Built(build) = ended? else {
        bar.abandon();
        println!("stopped; the live read model is as it was, and the next run goes on from here");
        return Ok(Outcome::Stopped);
    };
    let compared = rebuild.compare(place, &observe).await;
    bar.finish_and_clear();
    println!("built up to position {} in {:.1} s", build.through, started.elapsed().as_secs_f64());
    match &compared {
        Ok(comparison) => print(comparison),
        Err(error) => println!("not compared: {error:#}"),
    }
    if place == Place::Shadow {
        rebuild.discard(place).await?;
        let equal = compared?.is_equal();
        return Ok(if equal { Outcome::Equal } else { Outcome::Differs });
    }
    let position = rebuild.exchange(place).await.context("exchanging the read models")?;
    println!("live since position {position}; hubctl rebuild --rollback goes back");
    Ok(Outcome::Equal)
}

fn show(bar: &ProgressBar, step: Step) {
    match step {
        Step::Portions { done, of } => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
        Step::Indexes => bar.set_prefix("indexes"),
        Step::CatchUp { at, to } => {
            bar.set_prefix("catching up");
            bar.set_length(to.0 as u64);
            bar.set_position(at.0 as u64);
        }
        Step::Compare => bar.set_prefix("comparing"),
    }
}

fn print(comparison: &Comparison) {
    println!("both at position {}:", comparison.position);
    let of = |digest: &Digest| format!("{} rows, digest {}", digest.rows, digest.sum);
    for compared in &comparison.projections {
        let name = compared.projection.name;
        if compared.live == compared.anew {
            println!("  {name:<12} equal    {}", of(&compared.anew));
        } else {
            println!("  {name:<12} DIFFERS  live {}", of(&compared.live));
            println!("  {:<12}          anew {}", "", of(&compared.anew));
        }
    }
    if !comparison.tickets.is_empty() {
        println!("  differing tickets, the first of them: {}", comparison.tickets.join(", "));
    }
}
